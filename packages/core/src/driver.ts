import type { Batch } from './model/batch.js';
import type { Files } from './files/files.js';
import type { HeadKind, Loss, Norm, Pooling, Site, TrainableModel } from './model/model.js';

/** The base model of one case, as files. */
export interface ModelSource {
  readonly family: string;
  /** Name of the model file, `model.onnx`, `model.dynamo.onnx`, …; `model.safetensors` has weights only. */
  readonly variant: string;
  /** Its bytes. */
  readonly model: Uint8Array;
  /** `config.json`. */
  readonly config: unknown;
}

/** What to make of it. */
export interface DriverOptions {
  readonly site: Site | 'none';
  readonly norm: Norm;
  /** Also on the cross-attentions of a decoder. */
  readonly crossAttention: boolean;
  readonly numLabels: number;
  readonly loss: Loss;
  readonly pooling: Pooling;
  readonly head: HeadKind;
  /** Make the base weights trainable too (group `base`). */
  readonly trainBase: boolean;
}

/** A model that was folded and loaded again as a plain one. */
export interface PlainModel {
  /** Logits [batch, numLabels]. */
  predict(batch: Batch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * A loaded model: core's contract, and what only the suite asks for. Parameters are called `classifier.weight`
 * [numLabels, hidden] and `.bias`, `<key>.adapter.weight` and `.bias` with the fixture's keys (`layer.0`); those of the
 * groups `norm` and `base` carry the base tensor's name in `source`, as in the checkpoint.
 */
export interface LoadedModel extends TrainableModel {
  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  siteInput(batch: Batch, key: string): Promise<Float32Array>;
  /** Fold the adapters into the weights and load the result without any adapter machinery. */
  foldAndReload(): Promise<PlainModel>;
  /** The adapter folder. */
  save(): Promise<Files>;
  /** @throws MismatchError for the adapter of another base or site. */
  restore(files: Files): Promise<void>;
}

/** Largest absolute errors allowed. */
export interface Tolerances {
  /** Hidden states, site inputs and loss against the float64 values; a loss above 1 relative to itself. */
  readonly hidden: number;
  /** Logits against the float64 values. */
  readonly logits: number;
  /** Gradients against the float64 values; relative to a tensor's largest entry where that is above 1. */
  readonly gradient: number;
  /** Every parameter after the ten steps of a two-stage run. */
  readonly trajectory: number;
  /** Logits with an identity adapter against those without any. */
  readonly identity: number;
  /** Folded against unfolded logits. */
  readonly fold: number;
}

/**
 * A case that a device is known to fail. It is run and must fail: the day it passes, the suite says that the gap is
 * closed.
 */
export interface Gap {
  /** Key of a case; `*` stands for any run of characters. */
  readonly key: string;
  readonly reason: string;
}

/** What a runtime brings to be tested. */
export interface Driver {
  readonly runtime: string;
  readonly device: string;
  /** Default: `FLOAT32_TOLERANCES` of `@hadamard-adapter/conformance`. */
  readonly tolerances?: Partial<Tolerances>;
  readonly gaps?: readonly Gap[];
  load(source: ModelSource, options: DriverOptions): Promise<LoadedModel>;
}
