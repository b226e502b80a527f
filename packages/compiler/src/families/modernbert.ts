import * as v from 'valibot';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { activation, flag, headSize, readSizes, real, refuse, size, text } from './encoder/config.js';
import { EncoderBuilder } from './encoder/encoder-builder.js';
import { finish } from './encoder/outputs.js';
import { biasWhere, distances, embed, lengthOf, paddingBias, positionsOf, rotary, rotate } from './encoder/tokens.js';
import type { Family, InLayer } from './family.js';
import type { WeightSource } from './weights.js';

const KINDS = ['full_attention', 'sliding_attention'] as const;
type Kind = (typeof KINDS)[number];

const rope = v.nullish(v.looseObject({ rope_theta: v.optional(v.number()), rope_type: v.optional(v.string()) }));

const schema = v.object({
  hidden_size: size(768),
  num_hidden_layers: size(22),
  num_attention_heads: size(12),
  intermediate_size: size(1152),
  hidden_activation: text('gelu'),
  vocab_size: size(50_368),
  norm_eps: real(1e-5),
  norm_bias: flag(false),
  attention_bias: flag(false),
  mlp_bias: flag(false),
  local_attention: size(128, 2),
  global_attn_every_n_layers: size(3),
  layer_types: v.nullish(v.array(v.picklist(KINDS))),
  rope_parameters: v.nullish(v.looseObject({ full_attention: rope, sliding_attention: rope })),
  global_rope_theta: real(160_000),
  local_rope_theta: real(10_000),
});

type Config = v.InferOutput<typeof schema>;

/** Modules of a layer: two blocks, each with a norm in front. */
const modulesOf: InLayer<Record<'blockNorm' | 'attention' | 'output' | 'feedForwardNorm' | 'feedForward', string>> = (
  layer,
) => {
  const module = `layers.${layer}`;
  return {
    blockNorm: `${module}.attn_norm`,
    attention: `${module}.attn`,
    output: `${module}.attn.Wo`,
    feedForwardNorm: `${module}.mlp_norm`,
    feedForward: `${module}.mlp`,
  };
};

const FINAL_NORM = 'final_norm';

/**
 * ModernBERT (Warner et al., arXiv 2412.13663): norms in front, rotary positions, a gated feed-forward, and in most
 * layers a window around each token.
 */
export const MODERNBERT: Family = {
  name: 'modernbert',
  models: [{ type: 'modernbert', classPrefix: 'ModernBert' }],
  fields: Object.keys(schema.entries),
  build,
  peft: {
    basePrefix: 'model',
    norms: 'before',
    targets: {
      [modulesOf('#').output]: { role: 'adapter' },
      [modulesOf('#').feedForwardNorm]: { role: 'attention_norm' },
      [modulesOf('#').blockNorm]: { role: 'output_norm', layer: 'previous' },
      [FINAL_NORM]: { role: 'output_norm', layer: 'last' },
    },
    heads: [],
    headModules: ['head'],
    otherHead: 'a GELU and a norm between its layers',
  },
};

function build(config: unknown, weights: WeightSource): Graph {
  const given = readSizes(schema, config);
  const { hidden_size: hidden, num_attention_heads: heads, intermediate_size: wide, norm_eps: epsilon } = given;
  const builder = new EncoderBuilder(weights);
  const head = headSize(hidden, heads);
  const active = activation(given.hidden_activation);
  const norm = (x: string, module: string): string => builder.layerNorm(x, module, hidden, epsilon, given.norm_bias);
  let x = norm(embed(builder, 'embeddings.tok_embeddings', given.vocab_size, hidden), 'embeddings.norm');
  const looks = viewsOf(builder, given, head);
  for (let layer = 0; layer < given.num_hidden_layers; layer++) {
    const { blockNorm, attention, output, feedForwardNorm, feedForward } = modulesOf(layer);
    const { bias, angles } = looks(kindOf(given, layer));
    // The embeddings come out of a norm, so the first layer has none in front.
    const normed = layer === 0 ? x : norm(x, blockNorm);
    const packed = builder.linear(normed, `${attention}.Wqkv`, hidden, 3 * hidden, given.attention_bias);
    const [query, key, value] = builder.split(packed, 3, hidden).map((part) => builder.byHead(part, heads, head)) as [
      string,
      string,
      string,
    ];
    const turned = [rotate(builder, query, angles, head), rotate(builder, key, angles, head)] as const;
    const context = builder.attend(...turned, value, bias, head ** -0.5, hidden, attention);
    const attended = builder.linear(context, output, hidden, hidden, given.attention_bias);
    x = builder.emit('Add', [x, attended], `${attention}/sum`);
    const opened = builder.linear(norm(x, feedForwardNorm), `${feedForward}.Wi`, hidden, 2 * wide, given.mlp_bias);
    const [input, gate] = builder.split(opened, 2, wide) as [string, string];
    const product = builder.emit('Mul', [active(builder, input), gate], `${feedForward}/gated`);
    const fed = builder.linear(product, `${feedForward}.Wo`, wide, hidden, given.mlp_bias);
    x = builder.emit('Add', [x, fed], `${feedForward}/sum`);
  }
  return finish(builder, 'modernbert', norm(x, FINAL_NORM), hidden);
}

function kindOf({ layer_types: types, global_attn_every_n_layers: every }: Config, layer: number): Kind {
  return types?.[layer] ?? (layer % every === 0 ? 'full_attention' : 'sliding_attention');
}

/** Bias and angles of each kind of layer, made when first asked for. */
function viewsOf(
  builder: EncoderBuilder,
  given: Config,
  head: number,
): (kind: Kind) => { bias: string; angles: { cosine: string; sine: string } } {
  const positions = positionsOf(builder, lengthOf(builder));
  const padding = paddingBias(builder);
  const near = (): string => {
    const apart = builder.emit('Abs', [distances(builder, positions)], 'distances/absolute');
    const open = builder.emit(
      'LessOrEqual',
      [apart, builder.index(Math.floor(given.local_attention / 2))],
      'window/open',
    );
    return builder.emit(
      'Min',
      [
        builder.emit('Unsqueeze', [biasWhere(builder, open, 'window/scores'), builder.ints([0, 1])], 'window/bias'),
        padding,
      ],
      'window/padding',
    );
  };
  const made = new Map<Kind, ReturnType<ReturnType<typeof viewsOf>>>();
  return (kind) => {
    const { rope_theta, rope_type = 'default' } = given.rope_parameters?.[kind] ?? {};
    if (rope_type !== 'default') refuse('these rotary positions', rope_type, 'default');
    const theta = rope_theta ?? (kind === 'full_attention' ? given.global_rope_theta : given.local_rope_theta);
    const view = made.get(kind) ?? {
      bias: kind === 'full_attention' ? padding : near(),
      angles: rotary(builder, positions, theta, head),
    };
    made.set(kind, view);
    return view;
  };
}
