import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type Files } from '@hadamard-adapter/core';
import { wrap } from 'comlink';
import { parseCurve, type Curve } from './curve.js';
import type { SourceKind } from './data-source.js';
import type { PreparedData } from './prepared-data.js';
import type { Settings } from './settings.js';
import { valueOf } from './workers/reply.js';
import type { StoreWorker } from './workers/store.worker.js';

/** What a run starts from. */
export interface RunSetup {
  readonly data: PreparedData;
  readonly kind: SourceKind;
  readonly settings: Settings;
  readonly device: string;
}

/** A run that was not finished. */
export interface SavedRun {
  readonly setup: RunSetup;
  readonly checkpoint: Checkpoint;
  readonly curve: Curve;
}

export interface RunStore {
  /**
   * Whether this tab may write: another one that trains, or has stopped, keeps the place to itself until it is done.
   */
  claim(): Promise<boolean>;
  begin(setup: RunSetup): Promise<void>;
  save(checkpoint: Checkpoint, curve: Curve): Promise<void>;
  /** The run of a tab that was closed; undefined when there is none, or it is being written. */
  find(): Promise<SavedRun | undefined>;
  discard(): Promise<void>;
}

const LOCK = 'hadamard-playground';
const SETUP = 'setup';
const SETUP_FILE = 'setup.json';
const CURVE_FILE = 'curve.json';
/** Of this folder; another one is left by another version of the page. */
const FORMAT = 1;
/** Written in turns: a tab may close in the middle of one, and then the other is whole. */
const CHECKPOINTS = ['checkpoint-a', 'checkpoint-b'] as const;
const FOLDERS = [SETUP, ...CHECKPOINTS];

export function runStore(): RunStore {
  const worker = wrap<StoreWorker>(
    new Worker(new URL('./workers/store.worker.ts', import.meta.url), { type: 'module' }),
  ) as unknown as StoreWorker;
  let release: (() => void) | undefined;
  let turn = 0;

  /** A lock of the browser: it goes with the tab, however that ends. */
  function claim(): Promise<boolean> {
    if (release !== undefined) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>((end) => (release = end));
      });
      held.catch(reject);
    });
  }

  function leave(): void {
    release?.();
    release = undefined;
  }

  return {
    claim,
    async begin(setup) {
      valueOf(await worker.remove(FOLDERS));
      valueOf(await worker.write(SETUP, { [SETUP_FILE]: encode({ format: FORMAT, setup }) }));
    },
    async save(checkpoint, curve) {
      const files = { ...(await encodeCheckpoint(checkpoint)), [CURVE_FILE]: encode(curve) };
      valueOf(await worker.write(CHECKPOINTS[turn++ % CHECKPOINTS.length] as string, files));
    },
    async find() {
      if (!(await claim())) return undefined;
      const found = await read(worker).catch(() => undefined);
      if (found === undefined) leave();
      return found;
    },
    async discard() {
      try {
        valueOf(await worker.remove(FOLDERS));
      } finally {
        leave();
      }
    },
  };
}

async function read(worker: StoreWorker): Promise<SavedRun | undefined> {
  const file = valueOf(await worker.read(SETUP))?.[SETUP_FILE];
  if (file === undefined) return undefined;
  const { format, setup } = JSON.parse(new TextDecoder().decode(file)) as {
    readonly format: number;
    readonly setup: RunSetup;
  };
  if (format !== FORMAT) return undefined;
  const found = (await Promise.all(CHECKPOINTS.map(async (name) => decode(valueOf(await worker.read(name)))))).filter(
    (each) => each !== undefined,
  );
  const latest = found.toSorted((a, b) => placeOf(b.checkpoint) - placeOf(a.checkpoint))[0];
  return latest === undefined ? undefined : { setup, ...latest };
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** What was written half is no checkpoint: its two files name each other's hash. */
async function decode(files: Files | undefined): Promise<Omit<SavedRun, 'setup'> | undefined> {
  const curve = files?.[CURVE_FILE];
  if (files === undefined || curve === undefined) return undefined;
  try {
    return { checkpoint: await decodeCheckpoint(files), curve: parseCurve(new TextDecoder().decode(curve)) };
  } catch {
    return undefined;
  }
}

/** Orders checkpoints of one run. */
const placeOf = ({ position: { stage, epoch, step } }: Checkpoint): number => (stage * 1e4 + epoch) * 1e6 + step;
