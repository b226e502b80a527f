import type { Kit } from './kit.js';

/** Sizes that all layers of a model share. */
export interface LayerSizes {
  readonly hidden: number;
  readonly heads: number;
  /** Width of a head. */
  readonly head: number;
  /** Width of the feed-forward. */
  readonly wide: number;
  readonly epsilon: number;
  readonly active: (kit: Kit, x: string) => string;
}

/** Modules of the three projections. */
export interface Projections {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/** Heads of `x` looking at `states`, side by side, [batch, sequence, hidden]; `as` names them. */
export function contextOf(
  kit: Kit,
  x: string,
  states: string,
  { query, key, value }: Projections,
  { hidden, heads, head }: LayerSizes,
  bias: string,
  as: string,
): string {
  const project = (from: string, module: string): string =>
    kit.byHead(kit.linear(from, module, hidden, hidden), heads, head);
  return kit.attend(project(x, query), project(states, key), project(states, value), bias, head ** -0.5, hidden, as);
}

/** norm(dense(x) + residual), with which both halves of a post-norm layer end (Vaswani et al., arXiv 1706.03762). */
export function addAndNorm(
  kit: Kit,
  x: string,
  residual: string,
  dense: string,
  norm: string,
  from: number,
  { hidden, epsilon }: LayerSizes,
): string {
  const sum = kit.emit('Add', [kit.linear(x, dense, from, hidden), residual], `${norm}/sum`);
  return kit.layerNorm(sum, norm, hidden, epsilon);
}

/** Modules of the feed-forward of a post-norm layer. */
export interface FeedForward {
  readonly up: string;
  readonly down: string;
  readonly norm: string;
}

export function feedForward(kit: Kit, x: string, { up, down, norm }: FeedForward, sizes: LayerSizes): string {
  const wide = sizes.active(kit, kit.linear(x, up, sizes.hidden, sizes.wide));
  return addAndNorm(kit, wide, x, down, norm, sizes.wide, sizes);
}
