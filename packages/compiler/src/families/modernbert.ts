import * as v from 'valibot';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { finish } from './bert.js';
import { activation, flag, headSize, readSizes, real, refuse, size, text } from './config.js';
import { startKit, type Kit } from './kit.js';
import { IDS, biasWhere, distances, lengthOf, lookUp, paddingBias, positionsOf, rotary, rotate } from './tokens.js';
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

/**
 * ModernBERT (Warner et al., arXiv 2412.13663): norms in front, rotary positions, a gated feed-forward, and in most
 * layers a window around each token.
 */
export function modernbertGraph(config: unknown, weights: WeightSource): Graph {
  const given = readSizes(schema, config);
  const { hidden_size: hidden, num_attention_heads: heads, intermediate_size: wide, norm_eps: epsilon } = given;
  const kit = startKit(weights);
  const head = headSize(hidden, heads);
  const active = activation(given.hidden_activation);
  const norm = (x: string, module: string): string => kit.layerNorm(x, module, hidden, epsilon, given.norm_bias);
  const words = lookUp(
    kit,
    kit.weight('embeddings.tok_embeddings.weight', [given.vocab_size, hidden]),
    IDS,
    'embeddings.tok_embeddings',
  );
  let x = norm(words, 'embeddings.norm');
  const looks = viewsOf(kit, given, head);
  for (let layer = 0; layer < given.num_hidden_layers; layer++) {
    const module = `layers.${layer}`;
    const { bias, angles } = looks(kindOf(given, layer));
    // The embeddings come out of a norm, so the first layer has none in front.
    const normed = layer === 0 ? x : norm(x, `${module}.attn_norm`);
    const packed = kit.linear(normed, `${module}.attn.Wqkv`, hidden, 3 * hidden, given.attention_bias);
    const [query, key, value] = kit.split(packed, 3, hidden).map((part) => kit.byHead(part, heads, head)) as [
      string,
      string,
      string,
    ];
    const context = kit.attend(
      rotate(kit, query, angles, head),
      rotate(kit, key, angles, head),
      value,
      bias,
      head ** -0.5,
      hidden,
      `${module}.attn`,
    );
    x = kit.emit(
      'Add',
      [x, kit.linear(context, `${module}.attn.Wo`, hidden, hidden, given.attention_bias)],
      `${module}.attn/sum`,
    );
    const middle = norm(x, `${module}.mlp_norm`);
    const [input, gate] = kit.split(
      kit.linear(middle, `${module}.mlp.Wi`, hidden, 2 * wide, given.mlp_bias),
      2,
      wide,
    ) as [string, string];
    const product = kit.emit('Mul', [active(kit, input), gate], `${module}.mlp/gated`);
    x = kit.emit(
      'Add',
      [x, kit.linear(product, `${module}.mlp.Wo`, wide, hidden, given.mlp_bias)],
      `${module}.mlp/sum`,
    );
  }
  return finish(kit, 'modernbert', norm(x, 'final_norm'), hidden);
}

function kindOf({ layer_types: types, global_attn_every_n_layers: every }: Config, layer: number): Kind {
  return types?.[layer] ?? (layer % every === 0 ? 'full_attention' : 'sliding_attention');
}

/** Bias and angles of each kind of layer, made when first asked for. */
function viewsOf(
  kit: Kit,
  given: Config,
  head: number,
): (kind: Kind) => { bias: string; angles: { cosine: string; sine: string } } {
  const positions = positionsOf(kit, lengthOf(kit));
  const padding = paddingBias(kit);
  const near = (): string => {
    const apart = kit.emit('Abs', [distances(kit, positions)], 'distances/absolute');
    const open = kit.emit('LessOrEqual', [apart, kit.index(Math.floor(given.local_attention / 2))], 'window/open');
    return kit.emit(
      'Min',
      [kit.emit('Unsqueeze', [biasWhere(kit, open, 'window/scores'), kit.ints([0, 1])], 'window/bias'), padding],
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
      angles: rotary(kit, positions, theta, head),
    };
    made.set(kind, view);
    return view;
  };
}
