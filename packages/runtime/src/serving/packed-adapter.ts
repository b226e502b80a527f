import { MismatchError, type HeadKind } from '@hadamard-adapter/core';
import type { AdapterConfig } from '@hadamard-adapter/core/folder';
import {
  hasLabels,
  initialValues,
  unionOfNorms,
  type CheckedAdapter,
  type Parameter,
  type ServedOutput,
  type ServingModel,
  type ServingOptions,
} from '@hadamard-adapter/compiler/internal';
import { present } from '@hadamard-adapter/core/internal';

/** An adapter, or the base without one, in the packed layout that the graphs of `serving` read. */
export interface PackedAdapter {
  readonly serving: ServingModel;
  readonly labels: number;
  /** [vectors.size], see `ServingModel`. */
  readonly vectors: Float32Array;
  /** By name, in the order of `ServingModel.head`. */
  readonly head: ReadonlyMap<string, Float32Array>;
}

/** One that was read from a folder. */
export interface CachedAdapter extends PackedAdapter {
  readonly config: AdapterConfig;
}

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

/** An adapter in packed layout: layers that it does not touch compute what the base computes. */
export function packAdapter(serving: ServingModel, { config, values, norms }: CheckedAdapter): CachedAdapter {
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
    head: new Map(serving.head.map(({ name }) => [name, present(values.get(name)).slice()])),
  };
}

/**
 * The base as one of its own adapters: w = 1, b = 0, norms as they are, and the classifier that it came with, where
 * that is the one that is served.
 *
 * @throws MismatchError BASE_HEAD when the answer would be that of another classifier.
 */
export function baseAdapter(serving: ServingModel, output: ServedOutput): PackedAdapter {
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

/** The same adapter in the packed layout of another model, which serves all that the one it was packed for does. */
export function repackAdapter(adapter: CachedAdapter, serving: ServingModel): CachedAdapter {
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
