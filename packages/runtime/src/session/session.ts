import {
  ConfigError,
  ADAPTER_DEFAULTS,
  isTokenLoss,
  layout,
  normal,
  weightsDigest,
  type Batch,
  type HeadKind,
  type Loss,
  type Norm,
  type Pooling,
  type Site,
  type TrainableModel,
} from '@hadamard-adapter/core';
import {
  canonicalize,
  type CanonicalGraph,
  buildAdapterModel,
  type AdapterModel,
  type AdapterModelOptions,
  foldWithRecord,
  encodeRecord,
  type AdapterParts,
  type Baseline,
  type SiteChoice,
} from '@hadamard-adapter/compiler/internal';
import { type Graph, elementCount, writeModel } from '@hadamard-adapter/graph/internal';
import { baseWeights } from './digest.js';
import type { MakeExecutor } from '../executor/executor.js';
import { ExecutedModel } from './executed-model.js';

/** What is made of a base model, on any runtime. */
export interface SessionOptions extends SiteChoice {
  readonly numLabels: number;
  /** Default `context`, as core's `ADAPTER_DEFAULTS`. `none` for the classifier alone. */
  readonly site?: Site | 'none';
  /** Default `attention`, as core's `ADAPTER_DEFAULTS`. */
  readonly norm?: Norm;
  /**
   * Default `mean`, as core's `ADAPTER_DEFAULTS`; `none` with a loss of tokens, `first` with the head `model`, which
   * pools as the model does.
   */
  readonly pooling?: Pooling;
  /** Default `linear`. */
  readonly head?: HeadKind;
  /** Default: `mse` for one label, else `cross-entropy`. */
  readonly loss?: Loss;
  /** Rate at which pooled features are dropped while training; default 0. */
  readonly dropout?: number;
  /** Train scale and shift of the adapter, or one of them. Default `both`. */
  readonly parts?: AdapterParts;
  /** Train something else for comparison, with `site` and `norm` `none`. */
  readonly baseline?: Baseline;
  /** Also make the base weights trainable, or its biases alone. Default false. */
  readonly trainBase?: boolean | 'bias';
  /** Seed of the classifier's first weights and of dropout; default 0. */
  readonly seed?: number;
}

/** What a session was made of, without the graph and its weights. */
export interface CompiledDescription extends Pick<AdapterModel, 'sites' | 'options'> {
  readonly canonical: Pick<
    CanonicalGraph,
    'hidden' | 'hiddenSize' | 'numLabels' | 'cut' | 'parameterCount' | 'precision'
  >;
}

/** A trainable model and what can be made of it. */
export interface AdapterSession extends TrainableModel {
  /** What it was compiled from, with its sites. */
  readonly compiled: CompiledDescription;
  /** Identity of the base weights, see core's `weightsDigest`. */
  baseDigest(): Promise<string>;
  /**
   * A plain ONNX file of the model with the adapters folded into its weights, in chunks: outputs the hidden states and
   * `logits`, where there is a classifier. `unfoldAdapters` undoes it.
   */
  fold(): Promise<Uint8Array[]>;
  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  siteInput(batch: Batch, key: string): Promise<Float32Array>;
}

/** A session whose model is in this thread. */
export interface LocalSession extends AdapterSession {
  readonly compiled: AdapterModel;
}

/**
 * Canonicalize a base model and put adapters, head and loss on it.
 *
 * @throws ConfigError NUM_LABELS, ADAPTER_LAYERS, HEAD_LOSS, HEAD_DROPOUT; UnsupportedError for a model without
 *   recognisable attention.
 */
export function compileModel(
  graph: Graph,
  options: SessionOptions & Pick<AdapterModelOptions, 'int8Bits'>,
): AdapterModel {
  const {
    numLabels,
    dropout = 0,
    layers,
    crossAttention = false,
    trainBase = false,
    parts,
    baseline,
    int8Bits,
  } = options;
  if (!Number.isInteger(numLabels) || numLabels < 1) {
    throw new ConfigError('The number of labels is wrong', {
      code: 'NUM_LABELS',
      found: String(numLabels),
      expected: 'an integer from 1 on',
    });
  }
  const loss = options.loss ?? (numLabels === 1 ? 'mse' : 'cross-entropy');
  return buildAdapterModel(canonicalize(graph, { keepHead: options.head === 'model' }), {
    site: options.site ?? ADAPTER_DEFAULTS.site,
    norm: options.norm ?? ADAPTER_DEFAULTS.norm,
    ...(layers === undefined ? {} : { layers }),
    crossAttention,
    pooling:
      options.pooling ?? (isTokenLoss(loss) ? 'none' : options.head === 'model' ? 'first' : ADAPTER_DEFAULTS.pooling),
    head: options.head ?? 'linear',
    numLabels,
    loss,
    dropout: dropout > 0,
    trainBase,
    ...(parts === undefined ? {} : { parts }),
    ...(baseline === undefined ? {} : { baseline }),
    ...(int8Bits === undefined ? {} : { int8Bits }),
  });
}

/** A session over what the runtime makes of the model. */
export function makeSession(
  compiled: AdapterModel,
  makeExecutor: MakeExecutor,
  place: { readonly runtime: string; readonly device: string },
  { dropout = 0, seed = 0 }: SessionOptions,
): LocalSession {
  const model = new ExecutedModel(compiled, makeExecutor, {
    ...place,
    dropout,
    seed,
    initialize: ({ name, shape }, deviation) => normal(elementCount(shape), deviation, seed, name),
  });
  const places = layout(model.parameters);
  let digest: Promise<string> | undefined;
  return {
    ...model,
    compiled,
    baseDigest: () => (digest ??= weightsDigest(baseWeights(compiled.canonical.graph))),
    async fold() {
      const { graph, record } = foldWithRecord(compiled, places.named(await model.read()));
      // A base that was trained itself is not in the record: what cannot be undone is not promised.
      return writeModel(graph, compiled.options.trainBase !== false ? {} : { metadata: encodeRecord(record) });
    },
  };
}
