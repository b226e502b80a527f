import { layout, type HeadKind, type Layout, type Norm, type Pooling, type Site } from '@hadamard-adapter/core';
import { normParameters } from '../adapters/insert.js';
import { initialValues, type Parameter } from '../adapters/parameters.js';
import type { CanonicalGraph } from '../forms/canonical-graph.js';
import { buildAdapterModel, type AdapterModel } from '../model.js';
import type { Node } from '@hadamard-adapter/graph/internal';
import { chooseSites } from '../sites/choose.js';

/** What adapters that are served by one graph have in common. Layers and numbers of labels may differ. */
export interface ServingOptions {
  readonly site: Site;
  /** The norms that some adapter brings; for the others the base's own values are filled in. */
  readonly norm: Norm;
  readonly crossAttention: boolean;
  readonly pooling: Pooling;
  readonly head: HeadKind;
}

/** A base model with room for an adapter in every layer, whatever layers an adapter was trained on. */
export interface ServingModel {
  readonly options: ServingOptions;
  readonly model: AdapterModel;
  /** Adapters and norms: one flat vector per adapter. Norms that layers share have a place in each of them. */
  readonly vectors: Layout;
  /** The classifier: inputs of their own, since the number of labels is the adapter's. */
  readonly head: readonly Parameter[];
  /** The vector of the base itself: adapters w = 1 and b = 0, norms as they are in the model, [vectors.size]. */
  readonly identity: Float32Array;
  /** For each norm that is served, the name of the parameter that stands for each of its tensors. */
  readonly norms: ReadonlyMap<Node, ReadonlyMap<string, string>>;
}

/** Labels of the classifier that a serving graph is built around; at run time there may be any number. */
const SOME_LABELS = 2;

/**
 * Put adapters on every layer of a base, and a classifier whose number of labels is open.
 *
 * @throws as `buildAdapterModel`.
 */
export function buildServingModel(canonical: CanonicalGraph, options: ServingOptions): ServingModel {
  const numLabels =
    options.head === 'model' ? (canonical.numLabels ?? SOME_LABELS) : options.head === 'cosine' ? 1 : SOME_LABELS;
  const model = buildAdapterModel(canonical, {
    ...options,
    numLabels,
    loss: options.pooling === 'none' ? 'token-cross-entropy' : 'mse',
    separateNorms: true,
  });
  const vectors = model.parameters.filter(({ group }) => group !== 'classifier');
  const places = layout(vectors);
  const identity = new Float32Array(places.size);
  for (const parameter of vectors)
    identity.set(
      initialValues(parameter, canonical.graph.tensors, () => new Float32Array(0)),
      places.offset(parameter.name),
    );
  return {
    options,
    model,
    vectors: places,
    head: model.parameters.filter(({ group }) => group === 'classifier'),
    identity,
    norms: normParameters(canonical.graph, chooseSites(model.sites, options), { ...options, separateNorms: true })
      .replaced,
  };
}

/** The smallest choice of norms that holds both. */
export function unionOfNorms(left: Norm, right: Norm): Norm {
  if (left === right || right === 'none') return left;
  return left === 'none' ? right : 'both';
}
