import { MismatchError, layout, type Files, type HeadKind } from '@hadamard-adapter/core';
import { adapterValues, checkAdapterMatches, decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import type { Node } from '@hadamard-adapter/graph/internal';
import { insertAdapters, normParameters } from '../adapters/insert.js';
import { exposeOwnHead } from '../adapters/own-head.js';
import { initialValues, sortParameters, type Parameter } from '../adapters/parameters.js';
import { headParameters } from '../heads/head.js';
import type { CanonicalGraph } from '../passes/canonicalize.js';
import { chooseSites } from '../sites/choose.js';
import type { SiteInfo } from '../sites/sites.js';
import { unionOfNorms, type ServingModel, type ServingOptions } from './model.js';

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

/** An adapter, or the base without one, as the graphs of `serving` read it. */
export interface ServedAdapter {
  readonly serving: ServingModel;
  readonly labels: number;
  /** [vectors.size], see `ServingModel`. */
  readonly vectors: Float32Array;
  /** By name, in the order of `ServingModel.head`. */
  readonly head: ReadonlyMap<string, Float32Array>;
}

export interface LoadedAdapter extends ServedAdapter {
  readonly config: AdapterConfig;
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

/**
 * What a graph must offer to serve `added` beside the adapters that it serves already. Norms may differ, for the base's
 * own values can be filled in; a site, a pooling or a kind of classifier that is not there cannot.
 *
 * @throws MismatchError ADAPTER_SITE_MISMATCH, ADAPTER_HEAD_MISMATCH.
 */
export function unionOfOptions(present: ServingOptions, added: ServingOptions): ServingOptions {
  const settings = [
    ['site', 'ADAPTER_SITE_MISMATCH', added.site, present.site],
    ['cross-attention', 'ADAPTER_SITE_MISMATCH', String(added.crossAttention), String(present.crossAttention)],
    ['pooling', 'ADAPTER_HEAD_MISMATCH', added.pooling, present.pooling],
    ['head', 'ADAPTER_HEAD_MISMATCH', added.head, present.head],
  ] as const;
  for (const [what, code, found, expected] of settings) {
    if (found === expected) continue;
    throw new MismatchError(`The adapter has another ${what} than those it would be served with`, {
      code,
      found,
      expected,
      hint: 'Serve it from a server of its own.',
    });
  }
  const norm = unionOfNorms(present.norm, added.norm);
  return norm === present.norm ? present : { ...present, norm };
}

/**
 * Lay an adapter out as the graphs of `serving` read it: layers that it does not touch compute what the base computes.
 */
export function packAdapter(serving: ServingModel, { config, values, norms }: CheckedAdapter): LoadedAdapter {
  const vectors = serving.identity.slice();
  const put = (place: string, value: Float32Array | undefined): void => {
    if (value !== undefined) vectors.set(value, serving.vectors.offset(place));
  };
  for (const { name, group } of serving.vectors.parameters) if (group === 'adapter') put(name, values.get(name));
  // By node rather than by name: a norm that layers share has one name in the adapter, and a place for each layer here.
  for (const [node, places] of serving.norms) {
    for (const [source, place] of places) put(place, values.get(norms.get(node)?.get(source) ?? ''));
  }
  // Copies, since a view would keep the whole file in memory.
  return {
    serving,
    config,
    labels: config.num_labels,
    vectors,
    head: new Map(serving.head.map(({ name }) => [name, (values.get(name) as Float32Array).slice()])),
  };
}

/**
 * The base as one of its own adapters: w = 1, b = 0, norms as they are, and the classifier that it came with, where
 * that is the one that is served.
 *
 * @throws MismatchError BASE_HEAD when the answer would be that of another classifier.
 */
export function baseAdapter(serving: ServingModel, output: ServedOutput): ServedAdapter {
  const { model, head, identity, options } = serving;
  if (output === 'logits' && options.head !== 'model') {
    throw new MismatchError('The base model has no classifier of its own beside these adapters', {
      code: 'BASE_HEAD',
      found: `head "${options.head}"`,
      expected: 'a base that was exported with its classifier, or its hidden states',
      hint: 'Choose an adapter.',
    });
  }
  const own = (parameter: Parameter): Float32Array =>
    output === 'hidden'
      ? new Float32Array(0)
      : initialValues(parameter, model.canonical.graph.tensors, () => new Float32Array(0));
  return {
    serving,
    labels: model.options.numLabels,
    vectors: identity,
    head: new Map(head.map((parameter) => [parameter.name, own(parameter)])),
  };
}

/** An adapter as the graphs of `serving` read it, which serve all that those do which it was laid out for. */
export function repackAdapter(adapter: LoadedAdapter, serving: ServingModel): LoadedAdapter {
  if (adapter.serving === serving) return adapter;
  const vectors = serving.identity.slice();
  for (const [name, value] of adapter.serving.vectors.named(adapter.vectors))
    vectors.set(value, serving.vectors.offset(name));
  return { ...adapter, serving, vectors };
}

/** Shape of a tensor of the classifier for an adapter with `labels` labels. */
export function headShape(
  head: HeadKind,
  { name, shape }: Pick<Parameter, 'name' | 'shape'>,
  labels: number,
): readonly number[] {
  return hasLabels(head, name) ? [labels, ...shape.slice(1)] : shape;
}

/** Whether the first dimension of a tensor of the classifier is the number of labels. */
export const hasLabels = (head: HeadKind, name: string): boolean => head !== 'model' && name.startsWith('classifier.');
