import type { Graph } from '@hadamard-adapter/onnx';
import type { Device } from './devices/device.js';
import { createSession, type Session, type SessionSettings } from './session.js';

/** The sessions of one model, each compiled when it is first needed. */
export interface Programs {
  /** @param keep outputs that stay on the device. */
  get(key: string, compile: () => Graph, keep?: readonly string[]): Promise<Session>;
  /** Release one of them, if it is there. */
  drop(key: string): Promise<void>;
  /** Sessions hold a copy of the weights each: those of an earlier stage are released before new ones are made. */
  release(): Promise<void>;
  /** Forget all without a word to the runtime: their device is gone. */
  abandon(): void;
}

export function programsOn(device: () => Device, settings: SessionSettings): Programs {
  const compiled = new Map<string, Promise<Session>>();
  return {
    get(key, compile, keep = []) {
      const existing = compiled.get(key);
      if (existing !== undefined) return existing;
      const created = (async () => createSession(device(), compile(), settings, keep))();
      compiled.set(key, created);
      // One that failed is tried again the next time.
      created.catch(() => compiled.get(key) === created && compiled.delete(key));
      return created;
    },
    async drop(key) {
      const dropped = compiled.get(key);
      compiled.delete(key);
      await (await dropped)?.release();
    },
    async release() {
      const all = [...compiled.values()];
      compiled.clear();
      for (const session of all) await session.then((each) => each.release());
    },
    abandon: () => compiled.clear(),
  };
}
