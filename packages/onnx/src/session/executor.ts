import type { Batch, Group, PrecomputeOptions, Split } from '@hadamard-adapter/core';

/** What a run needs besides the tokens. */
export interface RunInputs {
  readonly batch: Batch;
  /** All parameters, flat. */
  readonly parameters: Float32Array;
  /** [batch, numLabels] */
  readonly targets?: Float32Array;
  /** [batch, hidden] */
  readonly dropout?: Float32Array;
}

/** What a runtime has to do for one adapter model: execute the graphs that are compiled from it. Everything else of core's contract is built on this. */
export interface Executor {
  /** Loss and gradients of `groups`, flat. */
  train(groups: readonly Group[], inputs: RunInputs): Promise<{ loss: number; gradients: Float32Array }>;
  /** Logits [batch, numLabels]. */
  predict(inputs: RunInputs): Promise<Float32Array>;
  /** Hidden states [batch, sequence, hidden]. */
  encode(inputs: RunInputs): Promise<Float32Array>;
  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  siteInput(inputs: RunInputs, key: string): Promise<Float32Array>;
  /** See core's `TrainableModel.precompute`. */
  precompute?(split: Split, groups: readonly Group[], parameters: Float32Array, options: PrecomputeOptions): Promise<number>;
  /** The groups whose training the kept activations are valid for; undefined when none are kept. */
  keptFor(): readonly Group[] | undefined;
  /** Forget kept activations: what they were computed with has changed. */
  forget(): void;
  dispose(): Promise<void>;
}
