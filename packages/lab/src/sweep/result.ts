import type { EpochRecord, Files, StageResult } from '@hadamard-adapter/core';

/** What a run leaves. */
export interface RunResult {
  /** Name of the score that runs are compared by. */
  readonly metric: string;
  readonly score: number;
  /** All scores of the last stage, those on further development sets with their suffix. */
  readonly scores: Readonly<Record<string, number>>;
  readonly stages: readonly StageResult[];
  readonly history: readonly EpochRecord[];
  /** Numbers trained, without the classifier. */
  readonly trainable: number;
  /** Numbers in the base model. */
  readonly total: number;
  /** By the clock, of all processes that worked for it; of one that was killed, up to its last checkpoint. */
  readonly seconds: number;
  /** Trained tensors as a safetensors file; a base that was trained whole is not kept. */
  readonly weights: Uint8Array;
  /** The adapter folder, where the method makes one. */
  readonly files?: Files;
}
