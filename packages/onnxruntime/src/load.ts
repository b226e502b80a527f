import {
  ConfigError,
  RuntimeError,
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
  buildAdapterModel,
  canonicalize,
  elementCount,
  foldAdapters,
  readModel,
  writeModel,
  type AdapterModel,
  type ExternalData,
  type Graph,
} from '@hadamard-adapter/onnx';
import { checkInputs } from './feeds.js';
import { makeTrainableModel } from './model.js';
import type { OrtModule } from './session.js';

/** A base model: the bytes of an ONNX file, or a graph that was built or read before. */
export type BaseModel = { readonly model: Uint8Array; readonly externalData?: ExternalData } | { readonly graph: Graph };

export interface LoadOptions {
  readonly numLabels: number;
  /** Default `context`. `none` for the classifier alone. */
  readonly site?: Site | 'none';
  /** Default `attention`. */
  readonly norm?: Norm;
  /** Default all. */
  readonly layers?: readonly number[];
  /** Default `first`. */
  readonly pooling?: Pooling;
  /** Default `linear`. */
  readonly head?: HeadKind;
  /** Default: `mse` for one label, else `cross-entropy`. */
  readonly loss?: Loss;
  /** Rate at which pooled features are dropped while training; default 0. */
  readonly dropout?: number;
  /** Also make the base weights trainable. Default false. */
  readonly trainBase?: boolean;
  /** Seed of the classifier's first weights and of dropout; default 0. */
  readonly seed?: number;
  /** Default `cpu`. */
  readonly device?: string;
  readonly threads?: number;
  /** Trade speed for memory. */
  readonly lowMemory?: boolean;
  /** An instance of ONNX Runtime to use; default: `onnxruntime-node`, loaded on demand. */
  readonly ort?: OrtModule;
}

/** A trainable model and what can be made of it. */
export interface AdapterSession extends TrainableModel {
  /** The graph it was compiled from, with its sites. */
  readonly compiled: AdapterModel;
  /** Identity of the base weights, see core's `weightsDigest`. */
  baseDigest(): Promise<string>;
  /** A plain ONNX file of the model with the adapters folded into its weights, in chunks: outputs `logits` and the hidden states. */
  fold(): Promise<Uint8Array[]>;
  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  siteInput(batch: Batch, key: string): Promise<Float32Array>;
}

/** BERT's initializer_range, with which classifiers start. */
const HEAD_DEVIATION = 0.02;

/**
 * Load a base model for training and inference with Hadamard adapters on ONNX Runtime.
 *
 * @throws FormatError for a file that is not an ONNX model; UnsupportedError for a model without recognisable attention; ConfigError for settings that
 * contradict; RuntimeError when ONNX Runtime is missing or refuses.
 */
export async function loadModel(base: BaseModel, options: LoadOptions): Promise<AdapterSession> {
  const { numLabels, device = 'cpu', dropout = 0, seed = 0 } = options;
  if (!Number.isInteger(numLabels) || numLabels < 1) {
    throw new ConfigError('The number of labels is wrong', { code: 'NUM_LABELS', found: String(numLabels), expected: 'an integer from 1 on' });
  }
  if (device !== 'cpu') {
    throw new ConfigError(`The device "${device}" is not supported yet`, { code: 'DEVICE_UNKNOWN', found: device, expected: 'cpu' });
  }
  const ort = options.ort ?? (await importOrt());
  const canonical = canonicalize('graph' in base ? base.graph : readModel(base.model, base.externalData === undefined ? {} : { externalData: base.externalData }));
  checkInputs(canonical.graph);
  const compiled = buildAdapterModel(canonical, {
    site: options.site ?? 'context',
    norm: options.norm ?? 'attention',
    ...(options.layers === undefined ? {} : { layers: options.layers }),
    pooling: options.pooling ?? 'first',
    head: options.head ?? 'linear',
    numLabels,
    loss: options.loss ?? (numLabels === 1 ? 'mse' : 'cross-entropy'),
    dropout: dropout > 0,
    trainBase: options.trainBase ?? false,
  });
  const model = makeTrainableModel(ort, compiled, {
    device,
    dropout,
    seed,
    initialize: ({ name, shape }) => normal(elementCount(shape), HEAD_DEVIATION, seed, name),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.lowMemory === undefined ? {} : { lowMemory: options.lowMemory }),
  });
  let digest: Promise<string> | undefined;
  const places = layout(model.parameters);
  return {
    ...model,
    compiled,
    baseDigest: () => (digest ??= weightsDigest(baseWeights(canonical.graph))),
    async fold() {
      const values = await model.read();
      return writeModel(foldAdapters(compiled, places.named(values)));
    },
  };
}

/** Every float weight of the base: what the digest is taken over. Single numbers are settings of the exporter. */
function* baseWeights(graph: Graph): Iterable<{ bytes: Uint8Array; dtype: string }> {
  for (const tensor of graph.tensors.values()) {
    if (/float/.test(tensor.dtype) && elementCount(tensor.dims) > 1) yield { bytes: tensor.bytes, dtype: tensor.dtype };
  }
}

async function importOrt(): Promise<OrtModule> {
  try {
    const module = (await import('onnxruntime-node')) as OrtModule & { default?: OrtModule };
    return module.InferenceSession === undefined && module.default !== undefined ? module.default : module;
  } catch (cause) {
    throw new RuntimeError('ONNX Runtime is not installed', { code: 'RUNTIME_MISSING', expected: 'the package onnxruntime-node', hint: 'npm install onnxruntime-node', cause });
  }
}

