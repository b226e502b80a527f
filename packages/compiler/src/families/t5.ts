import * as v from 'valibot';
import { ints, int64Tensor } from '@hadamard-adapter/graph/internal';
import { activation, readSizes, real, refuse, size, text } from './encoder/config.js';
import { EncoderBuilder } from './encoder/encoder-builder.js';
import { finish } from './encoder/outputs.js';
import { IDS, lengthOf, lookUp, lookUpDistances, paddingBias } from './encoder/tokens.js';
import { TOKEN_HEAD, type Family, type InLayer } from './family.js';

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

/** Modules of a layer: two blocks, each with a norm in front. */
const modulesOf: InLayer<
  Record<'blockNorm' | 'attention' | 'output' | 'feedForwardNorm' | 'feedForward' | 'feedForwardBlock', string>
> = (layer) => {
  const module = `encoder.block.${layer}.layer`;
  const attention = `${module}.0.SelfAttention`;
  return {
    blockNorm: `${module}.0.layer_norm`,
    attention,
    output: `${attention}.o`,
    feedForwardBlock: `${module}.1`,
    feedForwardNorm: `${module}.1.layer_norm`,
    feedForward: `${module}.1.DenseReluDense`,
  };
};

const FINAL_NORM = 'encoder.final_layer_norm';

/**
 * The encoder of T5 (Raffel et al., arXiv 1910.10683): norms in front, without mean or shift; no biases; positions as a
 * bias on the scores, which are not scaled.
 */
export const T5: Family = {
  name: 't5',
  models: [{ type: 't5', classPrefix: 'T5' }],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const given = readSizes(schema, config);
    const { d_model: hidden, d_ff: wide, num_heads: heads, d_kv: head, layer_norm_epsilon: epsilon } = given;
    const builder = new EncoderBuilder(weights);
    const inner = heads * head;
    const feed = feedForwardOf(given.feed_forward_proj);
    const table = ['shared.weight', 'encoder.embed_tokens.weight'].find((name) => weights.has(name)) ?? 'shared.weight';
    let x = lookUp(builder, builder.weight(table, [given.vocab_size, hidden]), IDS, 'embed_tokens');
    const bias = builder.emit('Add', [positionBias(builder, given), paddingBias(builder)], 'encoder/bias');
    for (let layer = 0; layer < given.num_layers; layer++) {
      const { blockNorm, attention, output, feedForwardBlock, feedForwardNorm, feedForward } = modulesOf(layer);
      const normed = builder.rmsNorm(x, blockNorm, hidden, epsilon);
      const project = (part: string): string =>
        builder.byHead(builder.linear(normed, `${attention}.${part}`, hidden, inner, false), heads, head);
      const context = builder.attend(project('q'), project('k'), project('v'), bias, 1, inner, attention);
      const attended = builder.linear(context, output, inner, hidden, false);
      x = builder.emit('Add', [x, attended], `${attention}/sum`);
      const fed = feed(builder, builder.rmsNorm(x, feedForwardNorm, hidden, epsilon), feedForward, hidden, wide);
      x = builder.emit('Add', [x, fed], `${feedForwardBlock}/sum`);
    }
    return finish(builder, 't5', builder.rmsNorm(x, FINAL_NORM, hidden, epsilon), hidden);
  },
  peft: {
    basePrefix: 'transformer',
    norms: 'before',
    targets: {
      [modulesOf('#').output]: { role: 'adapter' },
      [modulesOf('#').feedForwardNorm]: { role: 'attention_norm' },
      [modulesOf('#').blockNorm]: { role: 'output_norm', layer: 'previous' },
      [FINAL_NORM]: { role: 'output_norm', layer: 'last' },
    },
    heads: [TOKEN_HEAD],
  },
};

type Feed = (builder: EncoderBuilder, x: string, module: string, hidden: number, wide: number) => string;

/** `relu`, or from version 1.1 on `gated-gelu`, whose GELU is the tanh form. */
function feedForwardOf(kind: string): Feed {
  const [, gated, name = ''] =
    /^(gated-)?([a-z_]+)$/.exec(kind) ?? refuse('this feed-forward', kind, 'relu, gated-gelu');
  const active = activation(gated !== undefined && name === 'gelu' ? 'gelu_new' : name);
  if (gated === undefined)
    return (builder, x, module, hidden, wide) =>
      builder.linear(
        active(builder, builder.linear(x, `${module}.wi`, hidden, wide, false)),
        `${module}.wo`,
        wide,
        hidden,
        false,
      );
  return (builder, x, module, hidden, wide) => {
    const gate = active(builder, builder.linear(x, `${module}.wi_0`, hidden, wide, false));
    const product = builder.emit(
      'Mul',
      [gate, builder.linear(x, `${module}.wi_1`, hidden, wide, false)],
      `${module}/gated`,
    );
    return builder.linear(product, `${module}.wo`, wide, hidden, false);
  };
}

/** The bias of each head for each distance, [1, heads, sequence, sequence]: the same in all layers. */
function positionBias(
  builder: EncoderBuilder,
  {
    num_heads: heads,
    relative_attention_num_buckets: buckets,
    relative_attention_max_distance: most,
  }: v.InferOutput<typeof schema>,
): string {
  const learned = builder.weight('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', [
    buckets,
    heads,
  ]);
  const bucketOf = builder.table(
    'buckets',
    int64Tensor(Array.from({ length: 2 * most + 1 }, (_, i) => bucket(most - i, buckets, most))),
  );
  const byDistance = lookUp(builder, learned, bucketOf, 'encoder/bias/by_distance');
  const rows = lookUpDistances(builder, byDistance, lengthOf(builder), most, 'encoder/bias/rows');
  return builder.emit(
    'Unsqueeze',
    [builder.emit('Transpose', [rows], 'encoder/bias/by_head', { perm: ints([2, 0, 1]) }), builder.ints([0])],
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
