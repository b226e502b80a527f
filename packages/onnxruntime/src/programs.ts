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

/** The sessions of one model, each compiled when it is first needed. */
export interface Programs {
  get(key: string, compile: () => Graph, options?: ProgramOptions): Promise<Session>;
  /** Release one of them, if it is there. */
  drop(key: string): Promise<void>;
  /** Sessions hold a copy of the weights each: those of an earlier stage are released before new ones are made. */
  release(): Promise<void>;
  /** Forget all without a word to the runtime: their device is gone. */
  abandon(): void;
}

export function programsOn(device: () => Device, { onePurpose = false, files }: ProgramsSettings = {}): Programs {
  const compiled = new Map<string, { readonly session: Promise<Session>; readonly purpose: Purpose | undefined }>();
  const drop = async (key: string): Promise<void> => {
    const dropped = compiled.get(key);
    compiled.delete(key);
    await (await dropped?.session)?.release();
  };
  const make = async (
    compile: () => Graph,
    keep: readonly string[],
    purpose: Purpose | undefined,
  ): Promise<Session> => {
    if (onePurpose && purpose !== undefined) {
      const others = [...compiled].filter(([, other]) => other.purpose !== undefined && other.purpose !== purpose);
      for (const [key] of others) await drop(key);
    }
    return createSession(device(), compile(), keep, files);
  };
  return {
    get(key, compile, { keep = [], purpose } = {}) {
      const existing = compiled.get(key);
      if (existing !== undefined) return existing.session;
      const session = make(compile, keep, purpose);
      compiled.set(key, { session, purpose });
      // One that failed is tried again the next time.
      session.catch(() => compiled.get(key)?.session === session && compiled.delete(key));
      return session;
    },
    drop,
    async release() {
      const all = [...compiled.values()];
      compiled.clear();
      for (const { session } of all) await session.then((each) => each.release());
    },
    abandon: () => compiled.clear(),
  };
}
