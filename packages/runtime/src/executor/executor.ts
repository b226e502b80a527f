import type { Batch, Group, OptimizerState, PrecomputeOptions, Split, StepSettings } from '@hadamard-adapter/core';

/** What a run needs besides the parameters. */
export interface RunInputs {
  readonly batch: Batch;
  /** As core's `targetMatrix` makes them; of pairs for each text. */
  readonly targets?: Float32Array;
  /** [batch, hidden] */
  readonly dropout?: Float32Array;
}

/** A split whose batches may come from another thread. */
export type SplitSource = Pick<Split, 'id' | 'size' | 'lengths'> & { batch(rows: Int32Array): Batch | Promise<Batch> };

/** One part of a step, with its share of the rows. */
export interface MicroBatch {
  readonly inputs: RunInputs;
  readonly weight: number;
}

/** Where parameters and optimizer state live, and what updates them. */
export interface ParameterStore {
  /** Copy of all parameters, flat. */
  read(): Promise<Float32Array>;
  /** Replace all parameters. */
  write(values: Float32Array): Promise<void>;
  readOptimizer(): Promise<OptimizerState | undefined>;
  writeOptimizer(state: OptimizerState | undefined): Promise<void>;
  /** Steps done with these groups since the optimizer was last reset. */
  stepsDone(groups: readonly Group[]): number;
  /** One AdamW update with the weighted mean of the gradients; the loss is the weighted mean of the losses. */
  step(parts: readonly MicroBatch[], settings: StepSettings): Promise<{ loss: number }>;
}

/**
 * What a runtime has to do for one adapter model: execute the graphs that are compiled from it. Everything else of
 * core's contract is built on this.
 */
export interface Executor {
  /**
   * Where the executor itself keeps parameters and optimizer, on its device between steps; absent when it reads the
   * vector it was made with.
   */
  readonly store?: ParameterStore | undefined;
  /** Loss and gradients of `groups`, flat. */
  train(groups: readonly Group[], inputs: RunInputs): Promise<{ loss: number; gradients: Float32Array }>;
  /** How many rows of such a batch fit into one run of `train`; absent: any number. */
  microBatchRows?(groups: readonly Group[], batch: Batch): number;
  /** Logits, one row for each of the batch also in pairs. */
  predict(inputs: RunInputs): Promise<Float32Array>;
  /** Hidden states [batch, sequence, hidden]. */
  encode(inputs: RunInputs): Promise<Float32Array>;
  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  siteInput(inputs: RunInputs, key: string): Promise<Float32Array>;
  /** See core's `TrainableModel.precompute`. */
  precompute?(split: SplitSource, groups: readonly Group[], options: PrecomputeOptions): Promise<number>;
  /** The groups whose training the kept activations are valid for; undefined when none are kept. */
  cachedGroups(): readonly Group[] | undefined;
  /** Forget kept activations: what they were computed with has changed. */
  forget(): void;
  dispose(): Promise<void>;
}

/** @param parameters all parameters, flat; the vector lives, and every run reads what is in it then. */
export type MakeExecutor = (parameters: Float32Array) => Executor;
