import type { HeadKind, Loss, Norm, ParameterInfo, Pooling, Site } from '@hadamard-adapter/core';
import { buildOn } from '../graph/builder.js';
import type { Graph } from '../graph/graph.js';
import { exposeBase } from '../adapt/base.js';
import { insertAdapters } from '../adapt/insert.js';
import { parameterInput, sortParameters, type Parameter } from '../adapt/parameters.js';
import type { CanonicalGraph } from '../canonicalize/canonicalize.js';
import { paddingMaskInput } from '../canonicalize/masks.js';
import { probe } from '../canonicalize/probe.js';
import { DROPOUT_INPUT, attachHead, headParameters } from '../head/head.js';
import { TARGETS_INPUT, attachLoss } from '../head/loss.js';
import type { SiteChoice } from '../sites/choose.js';
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
}

/** A base model with adapters, head and loss in one graph, every trainable tensor an input of it. What is compiled from it is decided later. */
export interface AdapterModel {
  readonly canonical: CanonicalGraph;
  readonly sites: readonly SiteInfo[];
  readonly options: AdapterModelOptions;
  /** Outputs: hidden states, `pooled`, `logits`, `loss`. */
  readonly graph: Graph;
  /** Name of the graph input with the padding mask. */
  readonly mask: string | undefined;
  /** In the order of every flat vector. */
  readonly parameters: readonly Parameter[];
}

/**
 * Insert adapters, attach head and loss.
 *
 * @throws UnsupportedError when no site is found or pooling has no mask; ConfigError for layers that do not exist.
 */
export function buildAdapterModel(canonical: CanonicalGraph, options: AdapterModelOptions): AdapterModel {
  const sites = findSites(canonical);
  const head = headParameters({ ...options, hiddenSize: canonical.hiddenSize });
  const adapted = insertAdapters(canonical.graph, sites, options);
  const base = options.trainBase === true ? exposeBase(adapted.graph) : { graph: adapted.graph, parameters: [] };
  const inputs = [
    ...base.graph.inputs,
    ...head.map(parameterInput),
    { name: TARGETS_INPUT, dtype: 'float32' as const, dims: ['batch', options.numLabels] },
    ...(options.dropout === true ? [{ name: DROPOUT_INPUT, dtype: 'float32' as const, dims: ['batch', canonical.hiddenSize] }] : []),
  ];
  const graph: Graph = { ...base.graph, inputs };
  const shapes = probe(graph);
  const mask = paddingMaskInput(graph, shapes);
  const builder = buildOn(graph, shapes);
  const { pooled, logits } = attachHead(builder, canonical.hidden, mask, { ...options, hiddenSize: canonical.hiddenSize });
  const loss = attachLoss(builder, logits, options.loss);
  return {
    canonical,
    sites,
    options,
    graph: builder.finish([canonical.hidden, pooled, logits, loss]),
    mask,
    parameters: sortParameters([...head, ...adapted.parameters, ...base.parameters]),
  };
}

/** The part of a parameter that runtimes and files show. */
export function parameterInfo({ name, group, shape, source, transposed }: Parameter): ParameterInfo {
  return { name, group, shape, ...(source === undefined ? {} : { source }), ...(transposed === undefined ? {} : { transposed }) };
}
