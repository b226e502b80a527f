import type { RunFailure } from './failure.js';
import type { RunResult } from './result.js';
import type { Run } from './run.js';

/** What a local process works with. Its paths are those of its parent. */
export interface ProcessSetup {
  readonly model: string;
  readonly threads: number;
  readonly checkpointEvery: number;
  /** Folder of checkpoints. */
  readonly running: string;
}

/** From the sweep to a local process: one `setup`, then one run at a time. */
export type ToProcess =
  | { readonly type: 'setup'; readonly setup: ProcessSetup }
  | { readonly type: 'run'; readonly run: Run }
  | { readonly type: 'stop' };

/** From a local process: an answer to each run, and word of how far it is. */
export type FromProcess =
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'done'; readonly result: RunResult }
  | { readonly type: 'failed'; readonly failure: RunFailure }
  /** Stopped with a checkpoint. */
  | { readonly type: 'interrupted' };
