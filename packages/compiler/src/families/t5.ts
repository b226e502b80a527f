import * as v from 'valibot';
import { ints, type Graph, int64Tensor } from '@hadamard-adapter/graph/internal';
import { finish } from './bert.js';
import { activation, readSizes, real, refuse, size, text } from './config.js';
import { startKit, type Kit } from './kit.js';
import { IDS, lengthOf, lookUp, lookUpDistances, paddingBias } from './tokens.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  d_model: size(512),
  d_kv: size(64),
  d_ff: size(2048),
  num_layers: size(6),
  num_heads: size(8),
  relative_attention_num_buckets: size(32, 4),
  relative_attention_max_distance: size(128, 2),
  feed_forward_proj: text('relu'),
  layer_norm_epsilon: real(1e-6),
  vocab_size: size(32_128),
});

/**
 * The encoder of T5 (Raffel et al., arXiv 1910.10683): norms in front, without mean or shift; no biases; positions as a
 * bias on the scores, which are not scaled.
 */
export function t5Graph(config: unknown, weights: WeightSource): Graph {
  const given = readSizes(schema, config);
  const { d_model: hidden, d_ff: wide, num_heads: heads, d_kv: head, layer_norm_epsilon: epsilon } = given;
  const kit = startKit(weights);
  const inner = heads * head;
  const feed = feedForwardOf(given.feed_forward_proj);
  const table = ['shared.weight', 'encoder.embed_tokens.weight'].find((name) => weights.has(name)) ?? 'shared.weight';
  let x = lookUp(kit, kit.weight(table, [given.vocab_size, hidden]), IDS, 'embed_tokens');
  const bias = kit.emit('Add', [positionBias(kit, given), paddingBias(kit)], 'encoder/bias');
  for (let layer = 0; layer < given.num_layers; layer++) {
    const module = `encoder.block.${layer}.layer`;
    const own = `${module}.0.SelfAttention`;
    const normed = kit.rmsNorm(x, `${module}.0.layer_norm`, hidden, epsilon);
    const project = (part: string): string =>
      kit.byHead(kit.linear(normed, `${own}.${part}`, hidden, inner, false), heads, head);
    const context = kit.attend(project('q'), project('k'), project('v'), bias, 1, inner, own);
    x = kit.emit('Add', [x, kit.linear(context, `${own}.o`, inner, hidden, false)], `${own}/sum`);
    x = kit.emit(
      'Add',
      [
        x,
        feed(
          kit,
          kit.rmsNorm(x, `${module}.1.layer_norm`, hidden, epsilon),
          `${module}.1.DenseReluDense`,
          hidden,
          wide,
        ),
      ],
      `${module}.1/sum`,
    );
  }
  return finish(kit, 't5', kit.rmsNorm(x, 'encoder.final_layer_norm', hidden, epsilon), hidden);
}

type Feed = (kit: Kit, x: string, module: string, hidden: number, wide: number) => string;

/** `relu`, or from version 1.1 on `gated-gelu`, whose GELU is the tanh form. */
function feedForwardOf(kind: string): Feed {
  const [, gated, name = ''] =
    /^(gated-)?([a-z_]+)$/.exec(kind) ?? refuse('this feed-forward', kind, 'relu, gated-gelu');
  const active = activation(gated !== undefined && name === 'gelu' ? 'gelu_new' : name);
  if (gated === undefined)
    return (kit, x, module, hidden, wide) =>
      kit.linear(active(kit, kit.linear(x, `${module}.wi`, hidden, wide, false)), `${module}.wo`, wide, hidden, false);
  return (kit, x, module, hidden, wide) => {
    const gate = active(kit, kit.linear(x, `${module}.wi_0`, hidden, wide, false));
    const product = kit.emit('Mul', [gate, kit.linear(x, `${module}.wi_1`, hidden, wide, false)], `${module}/gated`);
    return kit.linear(product, `${module}.wo`, wide, hidden, false);
  };
}

/** The bias of each head for each distance, [1, heads, sequence, sequence]: the same in all layers. */
function positionBias(
  kit: Kit,
  {
    num_heads: heads,
    relative_attention_num_buckets: buckets,
    relative_attention_max_distance: most,
  }: v.InferOutput<typeof schema>,
): string {
  const learned = kit.weight('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', [buckets, heads]);
  const bucketOf = kit.table(
    'buckets',
    int64Tensor(Array.from({ length: 2 * most + 1 }, (_, i) => bucket(most - i, buckets, most))),
  );
  const byDistance = lookUp(kit, learned, bucketOf, 'encoder/bias/by_distance');
  const rows = lookUpDistances(kit, byDistance, lengthOf(kit), most, 'encoder/bias/rows');
  return kit.emit(
    'Unsqueeze',
    [kit.emit('Transpose', [rows], 'encoder/bias/by_head', { perm: ints([2, 0, 1]) }), kit.ints([0])],
    'encoder/bias/positions',
  );
}

/**
 * The bucket of a key that stands `ahead` positions behind the query (section 2.1 of the paper): near ones have their
 * own, far ones share in logarithmic steps, computed in float32 as PyTorch does.
 */
export function bucket(ahead: number, buckets: number, most: number): number {
  const half = Math.floor(buckets / 2);
  const exact = Math.floor(half / 2);
  const distance = Math.abs(ahead);
  const side = ahead > 0 ? half : 0;
  if (distance < exact) return side + distance;
  const { fround, log } = Math;
  const share = fround(fround(log(fround(distance / exact))) / fround(log(most / exact)));
  return side + Math.min(exact + Math.trunc(fround(share * (half - exact))), half - 1);
}
