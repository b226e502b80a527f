import type { Driver, DriverOptions, LoadedModel, Tolerances } from '@hadamard-adapter/core/driver';
import type { Fixture } from '../fixture.js';
import type { Precision } from '@hadamard-adapter/core';

/**
 * Largest errors of a family, by what was measured. `direction`: 1 − cosine between a gradient and the recorded one,
 * for quantized files.
 */
export type Errors = Partial<
  Record<'hidden' | 'logits' | 'loss' | 'gradient' | 'trajectory' | 'fold' | 'identity' | 'direction', number>
>;

/** What a case works with. */
export interface Bench {
  readonly driver: Driver;
  readonly tolerances: Tolerances;
  /** The model of the case's setup, shared with other cases: write what you need at the start. */
  shared(): Promise<LoadedModel>;
  /** All parameters of the shared model as they were after loading. */
  initial(): Promise<Float32Array>;
  /** A model of one's own, disposed at the end of the case. */
  fresh(options?: Partial<DriverOptions>): Promise<LoadedModel>;
}

/** One thing that must hold. */
export interface Case {
  /** Stable: `gradient/bert/model.onnx/context/b4s12`. */
  readonly key: string;
  readonly family: string;
  readonly variant: string;
  readonly precision: Precision;
  readonly options: DriverOptions;
  readonly fixture: Fixture;
  /** Answers the errors it measured; throws when it does not hold. */
  run(bench: Bench): Promise<Errors>;
}
