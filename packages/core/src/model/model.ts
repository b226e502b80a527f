import type { Batch, Split } from './batch.js';

/**
 * What a tensor belongs to. A stage of training is a set of groups plus hyperparameters. `base` is only trained by
 * baselines.
 */
export type Group = 'classifier' | 'adapter' | 'norm' | 'base';

/** The order of groups in every flat parameter vector. */
export const GROUPS: readonly Group[] = ['classifier', 'adapter', 'norm', 'base'];

/**
 * Where the adapter sits. `context`: the concatenated attention heads, before the output projection. `output`: after
 * that projection and its bias, before the residual add. The paper (section 3.2) says "self-attention outputs" and
 * leaves the side open.
 */
export type Site = 'context' | 'output';

/**
 * Which LayerNorm is trained with the adapter: after the attention residual, after the feed-forward residual, both, or
 * none.
 */
export type Norm = 'attention' | 'output' | 'both' | 'none';

/**
 * How the sequence becomes one vector: the first position (the paper), the last one that is no padding (decoders, as
 * BART), or the mean over unmasked positions. `none`: it does not, and the head answers for every token.
 */
export type Pooling = 'first' | 'last' | 'mean' | 'none';

/**
 * What is trained where nothing else is said: in `sweeps/README.md` no other site and norm score higher over the tasks,
 * and the mean does better than the first position, which the paper pools.
 */
export const ADAPTER_DEFAULTS = { site: 'context', norm: 'attention', pooling: 'mean' } as const satisfies {
  readonly site: Site;
  readonly norm: Norm;
  readonly pooling: Pooling;
};

/**
 * `linear`: logits = pooled · Wᵀ + b, as in the paper. `tanh`: a dense layer with tanh in front, as in BERT's pooler
 * and RoBERTa's head. `model`: the classifier that the base model came with, starting from its own weights. `cosine`:
 * nothing of its own; the answer to a pair of texts is the cosine of their pooled vectors (Reimers & Gurevych, arXiv
 * 1908.10084).
 */
export type HeadKind = 'linear' | 'tanh' | 'model' | 'cosine';

/** Losses with one answer for each example. */
export type RowLoss = 'cross-entropy' | 'mse' | 'bce';

/**
 * Losses with an answer for each token, logits [batch, sequence, numLabels]. `token-cross-entropy`: a class for each
 * token. `span-cross-entropy`: the tokens at which a span begins and ends, two labels; the classes are the unmasked
 * positions of the text.
 */
export type TokenLoss = 'token-cross-entropy' | 'span-cross-entropy';

export type Loss = RowLoss | TokenLoss;

/** How a model file stores and computes. */
export type Precision = 'float32' | 'float16' | 'int8';

/** One trainable tensor of a loaded model. */
export interface ParameterInfo {
  /**
   * Stable name, also the key in the adapter file: `layer.0.adapter.weight`, `layer.0.attention_norm.bias`,
   * `classifier.weight`.
   */
  readonly name: string;
  readonly group: Group;
  readonly shape: readonly number[];
  /** Name of the base-model tensor whose value this parameter starts from and replaces (groups `norm` and `base`). */
  readonly source?: string;
  /** True for a matrix kept as [in, out], the transpose of a PyTorch `Linear.weight` (group `base`). */
  readonly transposed?: boolean;
}

/** Hyperparameters of one update. The learning rate is already scheduled: the model only applies it. */
export interface StepSettings {
  readonly groups: readonly Group[];
  readonly learningRate: number;
  readonly weightDecay?: number;
  /** AdamW's decay rates of the first and second moment. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Clip the global gradient norm to this value. Default: no clipping. */
  readonly maxGradientNorm?: number;
}

/** Moments of AdamW for the groups trained last; flat, in the layout order of those groups. */
export interface OptimizerState {
  readonly groups: readonly Group[];
  readonly step: number;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export interface PrecomputeOptions {
  /** Most bytes to spend on kept activations; examples beyond it are recomputed in every step. */
  readonly maxBytes: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The contract a runtime implements: one compiled model with a head, on one device. Everything above it (schedule,
 * epochs, early stopping, resume, progress, checkpoints, metrics) is written once, in this package.
 *
 * Flat vectors hold the parameters of the named groups one after the other, in the order of `parameters`, row-major.
 */
export interface TrainableModel {
  readonly runtime: string;
  readonly device: string;
  /**
   * Every trainable tensor; sorted by group in the order of `GROUPS`. Group `base` only if it was asked for at load.
   */
  readonly parameters: readonly ParameterInfo[];
  readonly numLabels: number;
  readonly loss: Loss;

  /** Copy of the parameters of `groups` (default: all), flat. */
  read(groups?: readonly Group[]): Promise<Float32Array>;
  /** Replace the parameters of `groups` (default: all). Throws MismatchError when the length differs. */
  write(values: Float32Array, groups?: readonly Group[]): Promise<void>;

  /**
   * Mean loss over the batch, and its gradient with respect to `groups`, flat. Changes nothing. Needs `batch.labels`.
   */
  gradients(batch: Batch, groups: readonly Group[]): Promise<{ loss: number; gradients: Float32Array }>;
  /**
   * One AdamW update from one or several micro-batches; their losses and gradients are averaged weighted by rows.
   * Starting another set of groups than in the last step resets the optimizer state.
   */
  step(batches: readonly Batch[], settings: StepSettings): Promise<{ loss: number }>;
  /**
   * Logits [batch, numLabels], row-major; with a `TokenLoss` [batch, sequence, numLabels]; of pairs of texts [batch /
   * 2, 1].
   */
  predict(batch: Batch): Promise<Float32Array>;
  /** Hidden states of the last layer, [batch, sequence, hidden]. */
  encode(batch: Batch): Promise<Float32Array>;

  readOptimizer(): Promise<OptimizerState | undefined>;
  writeOptimizer(state: OptimizerState | undefined): Promise<void>;

  /**
   * Compute once per example of `split` what training `groups` leaves unchanged (pooled features in stage one; the
   * layers below the lowest adapter in stage two) and keep it. Later batches that name this split in `batch.source`
   * start from the kept activations. Fills in a fixed order, so that a resumed run computes the same bits. Resolves to
   * the number of examples kept.
   */
  precompute?(split: Split, groups: readonly Group[], options: PrecomputeOptions): Promise<number>;

  dispose(): Promise<void>;
}
