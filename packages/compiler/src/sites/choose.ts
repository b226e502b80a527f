import { ConfigError, UnsupportedError, type Norm } from '@hadamard-adapter/core';
import type { Node } from '@hadamard-adapter/graph/internal';
import type { SiteInfo } from './sites.js';

/** Which of the sites of a model carry an adapter. */
export interface SiteChoice {
  /** Layers by number; default all. */
  readonly layers?: readonly number[];
  /** Also the cross-attentions of a decoder; default false. */
  readonly crossAttention?: boolean;
}

/**
 * The chosen sites, in the order of `sites`.
 *
 * @throws ConfigError ADAPTER_LAYERS for a layer that does not exist or is named twice, or none at all; ADAPTER_CROSS
 *   when there is no cross-attention.
 */
export function chooseSites(sites: readonly SiteInfo[], { layers, crossAttention = false }: SiteChoice): SiteInfo[] {
  if (crossAttention && !sites.some(({ kind }) => kind === 'cross')) {
    throw new ConfigError('The model has no cross-attention', {
      code: 'ADAPTER_CROSS',
      found: `${sites.length} self-attention layers`,
      expected: 'an encoder with a decoder, such as BART',
    });
  }
  const all = sites.filter(({ kind }) => kind === 'self' || crossAttention);
  if (layers === undefined) return all;
  const chosen = all.filter(({ layer }) => layers.includes(layer));
  const known = new Set(sites.map(({ layer }) => layer));
  if (chosen.length === 0 || new Set(layers).size !== layers.length || layers.some((layer) => !known.has(layer))) {
    throw new ConfigError('The adapter cannot sit on these layers', {
      code: 'ADAPTER_LAYERS',
      found: layers.length === 0 ? 'no layer' : layers.join(', '),
      expected: `some of 0 to ${known.size - 1}, each once`,
    });
  }
  return chosen;
}

/** A norm that is trained with a site, and the name its parameters start with. */
export interface ChosenNorm {
  readonly node: Node;
  readonly prefix: string;
}

/**
 * The norms of a site that `norm` asks for.
 *
 * @throws UnsupportedError NORM_MISSING when the model has none there.
 */
export function chooseNorms({ key, attentionNorm, outputNorm }: SiteInfo, norm: Norm): ChosenNorm[] {
  const wanted: readonly (readonly [boolean, Node | undefined, string])[] = [
    [norm === 'attention' || norm === 'both', attentionNorm, 'attention_norm'],
    [norm === 'output' || norm === 'both', outputNorm, 'output_norm'],
  ];
  return wanted.flatMap(([asked, node, name]) => {
    if (!asked) return [];
    if (node !== undefined) return [{ node, prefix: `${key}.${name}` }];
    throw new UnsupportedError(`No ${name.replace('_', ' ')} follows the attention block ${key}`, {
      code: 'NORM_MISSING',
      found: 'no LayerNormalization or RMSNormalization',
      hint: 'Train other norms, or none.',
    });
  });
}
