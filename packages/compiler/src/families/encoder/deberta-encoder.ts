import * as v from 'valibot';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import { SPAN_HEAD, TOKEN_HEAD, layerTargets, type InLayer, type PeftModules } from '../family.js';
import type { WeightSource } from '../weights.js';
import { BASE_SIZES, activation, flag, headSize, ownSize, real, refuse, size, text } from './config.js';
import { disentangled, relativePositions, type Relative } from './disentangled.js';
import { EncoderBuilder } from './encoder-builder.js';
import { postNormLayer, type AttentionModules, type LayerSizes, type PostNormLayer } from './layer.js';
import { finish } from './outputs.js';
import { MASK, addTypes, embed, lengthOf, paddingBias, positionRows } from './tokens.js';

export const debertaConfig = v.object({
  ...BASE_SIZES,
  vocab_size: size(50_265),
  type_vocab_size: size(0, 0),
  layer_norm_eps: real(1e-7),
  relative_attention: flag(false),
  max_relative_positions: size(-1, -1),
  position_buckets: size(-1, -1),
  position_biased_input: flag(true),
  pos_att_type: v.nullish(v.union([v.string(), v.array(v.string())]), []),
  share_att_key: flag(false),
  norm_rel_ebd: text('none'),
  talking_head: flag(false),
  embedding_size: ownSize,
  conv_kernel_size: size(0, 0),
});

export type DebertaConfig = v.InferOutput<typeof debertaConfig>;

/** What the two versions do in their own way. */
export interface DebertaVersion {
  readonly name: string;
  /** Buckets of distances, where far ones share them. */
  readonly buckets: number | undefined;
  /** Whether the embeddings of distances go through a norm. */
  readonly normed: boolean;
  /** Queries, keys and values by head. */
  readonly operands: (
    builder: EncoderBuilder,
    x: string,
    modules: AttentionModules,
    sizes: LayerSizes,
  ) => readonly [string, string, string];
  /** Which modules of the attention embeddings of distances go through, as keys and as queries. */
  readonly positions: { readonly keys: string; readonly queries: string; readonly keyBias: boolean };
}

/** Modules of a layer. Version 1 has one matrix for queries, keys and values, and none of those three. */
const modulesOf: InLayer<PostNormLayer> = (layer) => {
  const module = `encoder.layer.${layer}`;
  const attention = `${module}.attention.self`;
  return {
    attention,
    query: `${attention}.query_proj`,
    key: `${attention}.key_proj`,
    value: `${attention}.value_proj`,
    output: `${module}.attention.output.dense`,
    attentionNorm: `${module}.attention.output.LayerNorm`,
    up: `${module}.intermediate.dense`,
    down: `${module}.output.dense`,
    outputNorm: `${module}.output.LayerNorm`,
  };
};

/** The classes of both versions have the same prefix and the same heads. */
export const DEBERTA_PEFT: PeftModules = {
  basePrefix: 'deberta',
  norms: 'behind',
  targets: layerTargets(modulesOf('#')),
  heads: [TOKEN_HEAD, SPAN_HEAD],
  headModules: ['pooler'],
  otherHead: 'a GELU between pooler and classifier',
};

/** @throws ConfigError MODEL_CONFIG for a form of DeBERTa that is not built. */
export function buildDeberta(given: DebertaConfig, weights: WeightSource, version: DebertaVersion): Graph {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon, type_vocab_size: types } = given;
  const width = given.embedding_size ?? hidden;
  if (!given.relative_attention) refuse('this form of DeBERTa', 'relative_attention false', 'relative_attention true');
  if (given.conv_kernel_size > 0)
    refuse('this form of DeBERTa', 'a convolution behind the first layer', 'no conv_kernel_size');
  if (given.talking_head) refuse('this form of DeBERTa', 'talking_head', 'heads on their own');
  const builder = new EncoderBuilder(weights);
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: given.intermediate_size,
    epsilon,
    active: activation(given.hidden_act),
  };

  const length = lengthOf(builder);
  let x = embeddings(builder, given, length, width);
  const padding = paddingBias(builder);
  const relative = relativePositions(builder, relativeOf(given, version), length, heads);
  for (let layer = 0; layer < given.num_hidden_layers; layer++) {
    const modules = modulesOf(layer);
    const operands = version.operands(builder, x, modules, sizes);
    const projections = projectionsOf(given, version, modules);
    const context = disentangled(builder, operands, projections, relative, sizes, padding, modules.attention);
    x = postNormLayer(builder, x, context, modules, sizes);
  }
  return finish(builder, version.name, x, hidden, { types });
}

function embeddings(builder: EncoderBuilder, given: DebertaConfig, length: string, width: number): string {
  const { hidden_size: hidden } = given;
  const words = embed(builder, 'embeddings.word_embeddings', given.vocab_size, width);
  let sum = words;
  if (given.position_biased_input) {
    const table = builder.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, width]);
    sum = builder.emit('Add', [words, positionRows(builder, table, length, 0)], 'embeddings/placed');
  }
  sum = addTypes(builder, sum, 'embeddings.token_type_embeddings', given.type_vocab_size, width);
  const projected = width === hidden ? sum : builder.linear(sum, 'embeddings.embed_proj', width, hidden, false);
  const normed = builder.layerNorm(projected, 'embeddings.LayerNorm', hidden, given.layer_norm_eps);
  // Padding is set to zero once, behind the embeddings.
  const mask = builder.emit('Cast', [MASK], 'mask/float', { to: int(1) });
  const column = builder.emit('Unsqueeze', [mask, builder.ints([2])], 'mask/column');
  return builder.emit('Mul', [normed, column], 'embeddings');
}

function relativeOf(given: DebertaConfig, { buckets, normed }: DebertaVersion): Relative {
  const most = given.max_relative_positions < 1 ? given.max_position_embeddings : given.max_relative_positions;
  return {
    most,
    span: buckets ?? most,
    bucketed: buckets !== undefined,
    normed,
    hidden: given.hidden_size,
    epsilon: given.layer_norm_eps,
  };
}

/** Which projections the positions go through; undefined where that part of the score is left out. */
function projectionsOf(
  { pos_att_type: kinds }: DebertaConfig,
  { positions: { keys, queries, keyBias } }: DebertaVersion,
  { attention }: AttentionModules,
): { keys?: string; queries?: string; keyBias: boolean } {
  return {
    ...(kinds.includes('c2p') ? { keys: `${attention}.${keys}` } : {}),
    ...(kinds.includes('p2c') ? { queries: `${attention}.${queries}` } : {}),
    keyBias,
  };
}
