import { UnsupportedError } from '@hadamard-adapter/core';
import { type Node, isLinear, operatorOf, quote, type View } from '@hadamard-adapter/graph/internal';
import type { SiteInfo } from '../../sites/sites.js';

/** The linear layers of one layer that other methods train at. */
export type Projection = 'query' | 'key' | 'value' | 'feed_forward';

/**
 * A linear layer by what it does: the projections in front of an attention, and the last one of the feed-forward, from
 * whose input back lies its activation.
 *
 * @throws UnsupportedError BASELINE_PLACE where the layer is not built of such projections, for instance with queries,
 *   keys and values from one matrix.
 */
export function projectionOf(view: View, site: SiteInfo, projection: Projection): Node {
  const found =
    projection === 'feed_forward'
      ? feedForward(view, site)
      : attentionInput(view, site, ['query', 'key', 'value'].indexOf(projection));
  if (found !== undefined) return found;
  throw new UnsupportedError(`The layer ${site.key} has no ${projection.replace('_', '-')} projection of its own`, {
    code: 'BASELINE_PLACE',
    found: `attention ${quote(site.attention.name)} with other inputs`,
    expected:
      projection === 'feed_forward'
        ? 'a linear layer in front of the residual and norm that end the layer'
        : 'one linear layer each for queries, keys and values',
    hint: 'This method cannot be compared on this model; all others can.',
  });
}

function attentionInput(view: View, { attention }: SiteInfo, at: number): Node | undefined {
  if (attention.op === 'Attention') return headsOf(view, attention.inputs[at]);
  return at === 2 ? headsOf(view, attention.inputs[1]) : scored(view, attention.inputs[0])?.[at];
}

/** Between a projection and its attention heads are only split off, and perhaps scaled. */
function headsOf(view: View, value: string | undefined): Node | undefined {
  const node = view.producer(value);
  if (node === undefined) return undefined;
  if (isLinear(node)) return node;
  if (node.domain !== '') return undefined;
  if (operatorOf(node).rearranges === true || node.op === 'Div') return headsOf(view, node.inputs[0]);
  if (node.op !== 'Mul') return undefined;
  const [left, right] = node.inputs.map((input) => headsOf(view, input));
  return left === undefined || right === undefined ? (left ?? right) : undefined;
}

/**
 * Queries and keys of scores that positions are part of: both operands of the product are projected from the same
 * states, those of the others from positions too (DeBERTa).
 */
function scored(view: View, probabilities: string | undefined): [Node, Node] | undefined {
  const seen = new Set([probabilities]);
  for (const value of seen) {
    const node = view.producer(value);
    if (node === undefined || isLinear(node)) continue;
    if (node.op === 'MatMul' && node.domain === '') {
      const [query, key] = node.inputs.map((input) => headsOf(view, input));
      if (query !== undefined && key !== undefined && query.inputs[0] === key.inputs[0]) return [query, key];
    }
    for (const input of node.inputs) seen.add(input);
  }
  return undefined;
}

/** The nearest linear layer in front of the norm that ends the layer, looking through sums and single factors. */
function feedForward(view: View, { outputNorm, projection }: SiteInfo): Node | undefined {
  let frontier = [view.producer(outputNorm?.inputs[0])];
  while (frontier.length > 0) {
    const found = frontier.find((node) => node !== undefined && isLinear(node));
    if (found !== undefined) return found === projection ? undefined : found;
    frontier = frontier.flatMap((node) =>
      node !== undefined && node.domain === '' && (node.op === 'Add' || node.op === 'Mul')
        ? node.inputs.map((input) => view.producer(input))
        : [],
    );
  }
  return undefined;
}
