import type { Graph } from '@hadamard-adapter/graph/internal';
import type { Device, WeightFiles } from './devices/device.js';
import { createSession, type Session } from './session.js';

/** What a graph with weights is for; one without any is for neither. */
export type Purpose = 'training' | 'prediction';

export interface ProgramOptions {
  /** Outputs that stay on the device. */
  readonly keep?: readonly string[];
  readonly purpose?: Purpose;
}

export interface ProgramsSettings {
  /** Graphs of one purpose are released before one of the other is loaded. */
  readonly onePurpose?: boolean;
  readonly files?: WeightFiles | undefined;
}

interface Program {
  readonly session: Promise<Session>;
  readonly purpose: Purpose | undefined;
}

/** The sessions of one model by key, each compiled when it is first needed. */
export class Programs {
  private readonly device: () => Device;
  private readonly onePurpose: boolean;
  private readonly files: WeightFiles | undefined;
  private readonly compiled = new Map<string, Program>();

  constructor(device: () => Device, { onePurpose = false, files }: ProgramsSettings = {}) {
    this.device = device;
    this.onePurpose = onePurpose;
    this.files = files;
  }

  get(key: string, compile: () => Graph, { keep = [], purpose }: ProgramOptions = {}): Promise<Session> {
    const existing = this.compiled.get(key);
    if (existing !== undefined) return existing.session;
    const session = this.make(compile, keep, purpose);
    this.compiled.set(key, { session, purpose });
    // One that failed is tried again the next time.
    session.catch(() => this.compiled.get(key)?.session === session && this.compiled.delete(key));
    return session;
  }

  /** Release one of them, if it is there. */
  async drop(key: string): Promise<void> {
    const dropped = this.compiled.get(key);
    this.compiled.delete(key);
    await (await dropped?.session)?.release();
  }

  /** Sessions hold a copy of the weights each: those of an earlier stage are released before new ones are made. */
  async release(): Promise<void> {
    const all = [...this.compiled.values()];
    this.compiled.clear();
    for (const { session } of all) await session.then((each) => each.release());
  }

  /** Forget all without a word to the runtime: their device is gone. */
  abandon(): void {
    this.compiled.clear();
  }

  private async make(compile: () => Graph, keep: readonly string[], purpose: Purpose | undefined): Promise<Session> {
    if (this.onePurpose && purpose !== undefined) {
      const others = [...this.compiled].filter(([, other]) => other.purpose !== undefined && other.purpose !== purpose);
      for (const [key] of others) await this.drop(key);
    }
    return createSession(this.device(), compile(), keep, this.files);
  }
}
