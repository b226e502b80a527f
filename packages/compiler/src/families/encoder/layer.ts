import type { AttentionTargets } from '../family.js';
import type { EncoderBuilder } from './encoder-builder.js';

/** Sizes that all layers of a model share. */
export interface LayerSizes {
  readonly hidden: number;
  readonly heads: number;
  /** Width of a head. */
  readonly head: number;
  /** Width of the feed-forward. */
  readonly wide: number;
  readonly epsilon: number;
  readonly active: (builder: EncoderBuilder, x: string) => string;
}

/** Modules of an attention: its three projections, and the one that values of it are called after. */
export interface AttentionModules {
  readonly attention: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/** Modules of the feed-forward of a post-norm layer. */
export interface FeedForwardModules {
  readonly up: string;
  readonly down: string;
  readonly outputNorm: string;
}

/** Modules of a post-norm layer. */
export interface PostNormLayer extends AttentionModules, AttentionTargets, FeedForwardModules {}

/** Heads of `x` looking at `states`, side by side, [batch, sequence, hidden]. */
export function contextOf(
  builder: EncoderBuilder,
  x: string,
  states: string,
  { attention, query, key, value }: AttentionModules,
  { hidden, heads, head }: LayerSizes,
  bias: string,
): string {
  const project = (from: string, module: string): string =>
    builder.byHead(builder.linear(from, module, hidden, hidden), heads, head);
  const operands = [project(x, query), project(states, key), project(states, value)] as const;
  return builder.attend(...operands, bias, head ** -0.5, hidden, attention);
}

/** norm(dense(x) + residual), with which both halves of a post-norm layer end (Vaswani et al., arXiv 1706.03762). */
function addAndNorm(
  builder: EncoderBuilder,
  x: string,
  residual: string,
  dense: string,
  norm: string,
  from: number,
  { hidden, epsilon }: LayerSizes,
): string {
  const sum = builder.emit('Add', [builder.linear(x, dense, from, hidden), residual], `${norm}/sum`);
  return builder.layerNorm(sum, norm, hidden, epsilon);
}

/** The half of a post-norm layer behind its heads. */
export function attended(
  builder: EncoderBuilder,
  x: string,
  context: string,
  { output, attentionNorm }: AttentionTargets,
  sizes: LayerSizes,
): string {
  return addAndNorm(builder, context, x, output, attentionNorm, sizes.hidden, sizes);
}

export function feedForward(
  builder: EncoderBuilder,
  x: string,
  { up, down, outputNorm }: FeedForwardModules,
  sizes: LayerSizes,
): string {
  const wide = sizes.active(builder, builder.linear(x, up, sizes.hidden, sizes.wide));
  return addAndNorm(builder, wide, x, down, outputNorm, sizes.wide, sizes);
}

/** A whole layer from what its heads made of `x`. */
export const postNormLayer = (
  builder: EncoderBuilder,
  x: string,
  context: string,
  modules: PostNormLayer,
  sizes: LayerSizes,
): string => feedForward(builder, attended(builder, x, context, modules, sizes), modules, sizes);
