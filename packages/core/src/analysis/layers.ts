import { checkAdapterConfig } from '../adapter-folder/adapter-config.js';
import type { Adapter } from '../adapter-folder/adapter-folder.js';
import { ConfigError, MismatchError, UnsupportedError } from '../errors.js';
import type { ParameterInfo } from '../model/model.js';
import { layout } from '../model/layout.js';
import { toFloat32 } from '../files/safetensors.js';
import { elementAt } from '../values.js';

/** The adapter of one place: y = w ⊙ x + b. */
export interface SiteVectors {
  /** Number of the layer, as in `AdapterConfig.layers`. */
  readonly layer: number;
  /** `layer.3`, `decoder.layer.0.cross`. */
  readonly key: string;
  /** [channels] */
  readonly w: Float32Array;
  /** [channels] */
  readonly b: Float32Array;
}

const ADAPTER_NAME = /^(.+)\.adapter\.weight$/;
const KEY = /^(?:(encoder|decoder)\.)?layer\.(\d+)(?:\.(self|cross))?$/;

interface Key {
  readonly key: string;
  readonly decoder: boolean;
  readonly index: number;
  readonly cross: boolean;
}

/**
 * The vectors of an adapter by place, from the first layer on; a cross-attention comes behind the self-attention of its
 * layer.
 *
 * @throws MismatchError ADAPTER_TENSOR_MISSING when the tensors are not those of the layers in the config; what
 *   `toFloat32` throws.
 */
export function siteVectors({ config, tensors }: Adapter): SiteVectors[] {
  const keys = [...tensors.keys()]
    .flatMap((name) => readKey(ADAPTER_NAME.exec(name)?.[1]) ?? [])
    .toSorted(
      (a, b) => Number(a.decoder) - Number(b.decoder) || a.index - b.index || Number(a.cross) - Number(b.cross),
    );
  const own = keys.filter(({ cross }) => !cross);
  if (own.length !== config.layers.length) {
    throw new MismatchError('The adapter does not have the tensors of its layers', {
      code: 'ADAPTER_TENSOR_MISSING',
      found: `adapters of ${own.length} layers`,
      expected: `${config.layers.length}: ${config.layers.join(', ')}`,
    });
  }
  // A decoder counts its layers from 0, the config counts on behind the encoder; both are ascending.
  const layerOf = new Map(own.map(({ decoder, index }, i) => [`${decoder} ${index}`, elementAt(config.layers, i)]));
  return keys.map(({ key, decoder, index }) => {
    const layer = layerOf.get(`${decoder} ${index}`);
    const [w, b] = (['weight', 'bias'] as const).map((part) => tensors.get(`${key}.adapter.${part}`));
    if (layer === undefined || w === undefined || b === undefined)
      throw new MismatchError('The adapter does not have the tensors of its layers', {
        code: 'ADAPTER_TENSOR_MISSING',
        found: `no whole adapter ${key}`,
      });
    return { layer, key, w: toFloat32(w), b: toFloat32(b) };
  });
}

function readKey(key: string | undefined): Key | undefined {
  const match = key === undefined ? null : KEY.exec(key);
  return match === null
    ? undefined
    : { key: match[0], decoder: match[1] === 'decoder', index: Number(match[2]), cross: match[3] === 'cross' };
}

/**
 * The same adapter on fewer layers (the paper drops those that are redundant: 0.022 % of BERT-base instead of 0.033 %).
 * What goes is the adapter of a layer and the norm that was trained with it, so that the layer is the base model's
 * again.
 *
 * @param kept some of the adapter's layers.
 * @throws ConfigError PRUNE_LAYERS when `kept` is empty, or has a layer that the adapter has not; UnsupportedError
 *   PRUNE_SHARED_NORM when layers share a norm whose tensors would go with one of them (ALBERT).
 */
export function pruneAdapter(adapter: Adapter, kept: readonly number[]): Adapter {
  const { config, tensors } = adapter;
  const layers = config.layers.filter((layer) => kept.includes(layer));
  if (layers.length === 0 || layers.length !== kept.length) {
    throw new ConfigError('These layers cannot be kept', {
      code: 'PRUNE_LAYERS',
      found: kept.length === 0 ? 'no layer' : kept.join(', '),
      expected: `some of ${config.layers.join(', ')}, each once`,
    });
  }
  const sites = siteVectors(adapter);
  const dropped = sites.filter(({ layer }) => !layers.includes(layer));
  const hasNorm = ({ key }: SiteVectors): boolean =>
    [...tensors.keys()].some((name) => name.startsWith(`${key}.`) && !name.startsWith(`${key}.adapter.`));
  const without = sites.find((site) => layers.includes(site.layer) && !hasNorm(site));
  if (config.norm !== 'none' && without !== undefined && dropped.some(hasNorm)) {
    throw new UnsupportedError('The adapter alone does not say which layers share a norm', {
      code: 'PRUNE_SHARED_NORM',
      found: `no norm of ${without.key}`,
      expected: 'a norm for every layer',
      hint: 'Name the model too.',
    });
  }
  const gone = (name: string): boolean => dropped.some(({ key }) => name.startsWith(`${key}.`));
  return {
    config: checkAdapterConfig({ ...config, layers }),
    tensors: new Map([...tensors].filter(([name]) => !gone(name))),
  };
}

/**
 * A parameter of a model with adapters on all layers, and the layers that it belongs to: one, several that share a
 * norm, or none (the classifier).
 */
export interface LayerParameter extends ParameterInfo {
  readonly layers: readonly number[];
}

/**
 * Parameters of a model of which only some layers have an adapter: those of the others are the base's, w = 1, b = 0 and
 * the norm as it was. A norm that layers share stays while one of them is kept.
 *
 * @param own flat, all parameters, with the adapter.
 * @param base flat, without it.
 * @returns flat; the classifier is that of `own`.
 */
export function keepLayers(
  parameters: readonly LayerParameter[],
  own: Float32Array,
  base: Float32Array,
  kept: readonly number[],
): Float32Array {
  const places = layout(parameters);
  const values = own.slice();
  for (const { name, layers } of parameters) {
    if (layers.length > 0 && !layers.some((layer) => kept.includes(layer)))
      values.set(places.slice(base, name), places.offset(name));
  }
  return values;
}

/** How many numbers stage two trained for the adapters of the kept layers, norms included. */
export function numbersOfLayers(parameters: readonly LayerParameter[], kept: readonly number[]): number {
  return layout(parameters.filter(({ layers }) => layers.some((layer) => kept.includes(layer)))).size;
}
