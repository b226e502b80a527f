import { ConfigError, type HeadKind, type Loss, type Norm, type ParameterInfo, type Pooling, type Site } from '@hadamard-adapter/core';
import { buildOn } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { exposeBase } from '../adapt/base.js';
import { insertAdapters } from '../adapt/insert.js';
import { exposeOwnHead } from '../adapt/own-head.js';
import { parameterInput, sortParameters, type Parameter } from '../adapt/parameters.js';
import type { CanonicalGraph } from '../canonicalize/canonicalize.js';
import { LOGITS } from '../canonicalize/outputs.js';
import { paddingMaskInput } from '../canonicalize/masks.js';
import { probe } from '../canonicalize/probe.js';
import { DROPOUT_INPUT, attachHead, headParameters } from '../head/head.js';
import { TARGETS_INPUT, attachLoss } from '../head/loss.js';
import type { SiteChoice } from '../sites/choose.js';
import type { Int8Bits } from './int8-weights.js';
import { findSites, type SiteInfo } from '../sites/sites.js';

export interface AdapterModelOptions extends SiteChoice {
  /** `none` leaves the model without adapters: classifier only. */
  readonly site: Site | 'none';
  readonly norm: Norm;
  readonly pooling: Pooling;
  readonly head: HeadKind;
  readonly numLabels: number;
  readonly loss: Loss;
  readonly dropout?: boolean;
  /** Also make every weight of the base trainable. */
  readonly trainBase?: boolean;
  /** Multiply with frozen weights in integers of so many bits, see `multiplyInInt8`; absent: in float32. */
  readonly int8Bits?: Int8Bits;
  /** See `AdapterPlacement`. */
  readonly separateNorms?: boolean;
}

/** A base model with adapters, head and loss in one graph, every trainable tensor an input of it. What is compiled from it is decided later. */
export interface AdapterModel {
  readonly canonical: CanonicalGraph;
  readonly sites: readonly SiteInfo[];
  readonly options: AdapterModelOptions;
  /** Outputs: hidden states, `logits`, `loss`. */
  readonly graph: Graph;
  /** Name of the graph input with the padding mask. */
  readonly mask: string | undefined;
  /** In the order of every flat vector. */
  readonly parameters: readonly Parameter[];
}

/**
 * Insert adapters, attach head and loss.
 *
 * @throws UnsupportedError when no site is found or pooling has no mask; ConfigError for layers that do not exist, NUM_LABELS, HEAD_DROPOUT.
 */
export function buildAdapterModel(canonical: CanonicalGraph, options: AdapterModelOptions): AdapterModel {
  const sites = findSites(canonical);
  const { hiddenSize } = canonical;
  if (options.head === 'model' && options.dropout === true) {
    throw new ConfigError("Dropout sits in front of a new classifier, not of the model's own", { code: 'HEAD_DROPOUT', found: 'head "model" with dropout', expected: 'no dropout, or head "linear" or "tanh"' });
  }
  const adapted = insertAdapters(canonical.graph, sites, options);
  const own = options.head === 'model' ? exposeOwnHead(adapted.graph, canonical, options.numLabels) : { graph: adapted.graph, parameters: [] };
  const base = options.trainBase === true ? exposeBase(own.graph) : { graph: own.graph, parameters: [] };
  const added = options.head === 'model' ? [] : headParameters({ ...options, head: options.head, hiddenSize });
  const inputs = [
    ...base.graph.inputs,
    ...added.map(parameterInput),
    { name: TARGETS_INPUT, dtype: 'float32' as const, dims: ['batch', options.numLabels] },
    ...(options.dropout === true ? [{ name: DROPOUT_INPUT, dtype: 'float32' as const, dims: ['batch', hiddenSize] }] : []),
  ];
  const graph: Graph = { ...base.graph, inputs };
  const shapes = probe(graph);
  const mask = paddingMaskInput(graph, shapes);
  const builder = buildOn(graph, shapes);
  const logits = options.head === 'model' ? LOGITS : attachHead(builder, canonical.hidden, mask, { ...options, head: options.head, hiddenSize }).logits;
  const loss = attachLoss(builder, logits, options.loss);
  return {
    canonical,
    sites,
    options,
    graph: builder.finish([canonical.hidden, logits, loss]),
    mask,
    parameters: sortParameters([...added, ...own.parameters, ...adapted.parameters, ...base.parameters]),
  };
}

/** The part of a parameter that runtimes and files show. */
export function parameterInfo({ name, group, shape, source, transposed }: Parameter): ParameterInfo {
  return { name, group, shape, ...(source === undefined ? {} : { source }), ...(transposed === undefined ? {} : { transposed }) };
}
