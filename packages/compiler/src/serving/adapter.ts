import { layout, type Files, type HeadKind } from '@hadamard-adapter/core';
import { adapterValues, checkAdapterMatches, decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import type { Node } from '@hadamard-adapter/graph/internal';
import { insertAdapters, normParameters } from '../adapters/insert.js';
import { exposeOwnHead } from '../adapters/own-head.js';
import { sortParameters, type Parameter } from '../adapters/parameters.js';
import { headParameters } from '../heads/head.js';
import type { CanonicalGraph } from '../forms/canonical-graph.js';
import { chooseSites } from '../sites/choose.js';
import type { SiteInfo } from '../sites/sites.js';
import type { ServingOptions } from './model.js';

/**
 * What a served graph answers: logits [batch, labels] or [batch, sequence, labels], hidden states [batch, sequence,
 * hidden].
 */
export type ServedOutput = 'logits' | 'hidden';

/** A base that adapters are checked against. */
export interface ServingBase {
  readonly canonical: CanonicalGraph;
  readonly sites: readonly SiteInfo[];
  /** See core's `weightsDigest`. */
  readonly digest: string;
}

/** An adapter folder that belongs to a base, by the names of its own file. */
export interface CheckedAdapter {
  readonly config: AdapterConfig;
  readonly values: ReadonlyMap<string, Float32Array>;
  /** For each norm that it trained, the name of the parameter that stands for each of its tensors. */
  readonly norms: ReadonlyMap<Node, ReadonlyMap<string, string>>;
}

/**
 * Read an adapter folder and make sure that it belongs to the base.
 *
 * @throws FormatError when the files are damaged; MismatchError when the adapter belongs to another base or brings
 *   other tensors than its config says; ConfigError NUM_LABELS, ADAPTER_LAYERS.
 */
export function checkAdapter({ canonical, sites, digest }: ServingBase, files: Files): CheckedAdapter {
  const { config, tensors } = decodeAdapter(files);
  const { site, norm, layers, cross_attention: crossAttention = false } = config;
  const fits = config.base_weights_sha256 === digest;
  // On another base there may be no such layers: that it is another one is what has to be said.
  const parameters = fits ? ownParameters(canonical, sites, config) : [];
  checkAdapterMatches(config, parameters, tensors, {
    baseDigest: digest,
    hiddenSize: canonical.hiddenSize,
    numLayers: new Set(sites.map(({ layer }) => layer)).size,
    site,
    norm,
    crossAttention,
    layers,
  });
  const { replaced } = normParameters(canonical.graph, chooseSites(sites, { layers, crossAttention }), { norm });
  return { config, values: layout(parameters).named(adapterValues(parameters, tensors)), norms: replaced };
}

/** What an adapter of this config consists of. */
function ownParameters(canonical: CanonicalGraph, sites: readonly SiteInfo[], config: AdapterConfig): Parameter[] {
  const { site, norm, layers, head, num_labels: numLabels, cross_attention: crossAttention = false } = config;
  const classifier =
    head === 'model'
      ? exposeOwnHead(canonical.graph, canonical, numLabels).parameters
      : headParameters({ head, numLabels, hiddenSize: canonical.hiddenSize });
  return sortParameters([
    ...classifier,
    ...insertAdapters(canonical.graph, sites, { site, norm, layers, crossAttention }).parameters,
  ]);
}

/** What a graph must offer to serve an adapter of this config. */
export const servingOptions = ({
  site,
  norm,
  pooling,
  head,
  cross_attention: crossAttention = false,
}: AdapterConfig): ServingOptions => ({ site, norm, pooling, head, crossAttention });

/** Whether the first dimension of a tensor of the classifier is the number of labels. */
export const hasLabels = (head: HeadKind, name: string): boolean => head !== 'model' && name.startsWith('classifier.');
