import { ConfigError, UnsupportedError, type Norm, type Site } from '@hadamard-adapter/core';
import { type Graph, type Node, factsOf, viewOf } from '@hadamard-adapter/graph/internal';
import { chooseSites, type SiteChoice } from '../../sites/choose.js';
import type { SiteInfo } from '../../sites/sites.js';
import { insertVectors, makeVectors, type Insertion, type Vectors } from '../insert.js';
import { insertLora } from './lora.js';
import { projectionOf, type Projection } from './target-modules.js';

/**
 * Other methods, for comparison. `ia3`: scales on keys, values and the activation of the feed-forward (Liu et al.,
 * arXiv 2205.05638, section 3.3). `red`: scale and shift behind the feed-forward (Wu et al., arXiv 2402.15179, section
 * 3.2). `lora`: updates of low rank on queries and values.
 */
export type Baseline =
  | { readonly kind: 'ia3' }
  | { readonly kind: 'red' }
  | { readonly kind: 'lora'; readonly rank: number; readonly alpha: number };

/** Where each vector sits: on what a projection reads, or on what it makes. */
const VECTORS = {
  ia3: [
    ['key', 'output'],
    ['value', 'output'],
    ['feed_forward', 'input'],
  ],
  red: [['feed_forward', 'output']],
} as const satisfies Readonly<Record<'ia3' | 'red', readonly (readonly [Projection, 'input' | 'output'])[]>>;

/**
 * Put the trained tensors of another method into the chosen layers, instead of adapters and norms.
 *
 * @throws ConfigError BASELINE_SITE beside an adapter or trained norms, LORA_RANK, ADAPTER_LAYERS; UnsupportedError
 *   BASELINE_PLACE.
 */
export function insertBaseline(
  graph: Graph,
  sites: readonly SiteInfo[],
  baseline: Baseline,
  options: SiteChoice & { readonly site: Site | 'none'; readonly norm: Norm },
): Insertion {
  if (options.site !== 'none' || options.norm !== 'none') {
    throw new ConfigError('Two methods cannot be trained at once', {
      code: 'BASELINE_SITE',
      found: `${baseline.kind} with site "${options.site}" and norm "${options.norm}"`,
      expected: 'site "none" and norm "none"',
    });
  }
  const view = viewOf(graph);
  const facts = factsOf(graph);
  const chosen = chooseSites(sites, options);
  const width = (value: string): number => {
    const size = facts.dims(value)?.at(-1);
    if (typeof size === 'number') return size;
    throw new UnsupportedError('A value of a layer has no constant width', {
      code: 'BASELINE_PLACE',
      found: value,
      expected: 'a constant number of channels',
    });
  };
  const valueAt = (node: Node, side: 'input' | 'output'): string =>
    (side === 'input' ? node.inputs[0] : node.outputs[0]) as string;

  if (baseline.kind === 'lora') {
    const { rank, alpha } = baseline;
    if (!Number.isInteger(rank) || rank < 1)
      throw new ConfigError('The rank of LoRA is out of range', {
        code: 'LORA_RANK',
        found: String(rank),
        expected: 'an integer from 1 on',
      });
    const targets = chosen.flatMap((site) =>
      (['query', 'value'] as const).map((projection) => {
        const node = projectionOf(view, site, projection);
        return {
          name: `${site.key}.${projection}`,
          node,
          inputs: width(valueAt(node, 'input')),
          outputs: width(valueAt(node, 'output')),
        };
      }),
    );
    return insertLora(graph, targets, rank, alpha);
  }
  const vectors = new Map<string, Vectors>();
  for (const site of chosen) {
    for (const [projection, side] of VECTORS[baseline.kind]) {
      const value = valueAt(projectionOf(view, site, projection), side);
      vectors.set(
        value,
        makeVectors(`${site.key}.${projection}`, width(value), baseline.kind === 'ia3' ? 'scale' : 'both'),
      );
    }
  }
  return insertVectors(graph, vectors);
}
