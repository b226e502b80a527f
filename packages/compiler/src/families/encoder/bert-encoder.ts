import * as v from 'valibot';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { InLayer } from '../family.js';
import type { WeightSource } from '../weights.js';
import { BASE_SIZES, activation, headSize, real, size } from './config.js';
import { EncoderBuilder } from './encoder-builder.js';
import { contextOf, postNormLayer, type LayerSizes, type PostNormLayer } from './layer.js';
import { finish, pooler } from './outputs.js';
import { addTypes, embed, lengthOf, paddingBias, positionRows } from './tokens.js';

export const bertConfig = v.object({
  ...BASE_SIZES,
  vocab_size: size(30_522),
  type_vocab_size: size(2, 0),
  layer_norm_eps: real(1e-12),
  pad_token_id: size(0, 0),
});

export type BertConfig = v.InferOutput<typeof bertConfig>;

/** What the relatives of BERT do in their own way. */
export interface Variety {
  readonly name: string;
  /** Width of the embeddings, in front of a projection where it is not that of the hidden states. */
  readonly width: number;
  /** Embeddings of the positions. */
  readonly positions: (builder: EncoderBuilder) => string;
  /** Whether the family has a pooler; a checkpoint may lack it all the same. */
  readonly pooled: boolean;
}

export const POSITIONS = 'embeddings.position_embeddings';

/** Modules of a layer of BERT, RoBERTa and ELECTRA. */
export const bertLayer: InLayer<PostNormLayer> = (layer) => {
  const module = `encoder.layer.${layer}`;
  const attention = `${module}.attention.self`;
  return {
    attention,
    query: `${attention}.query`,
    key: `${attention}.key`,
    value: `${attention}.value`,
    output: `${module}.attention.output.dense`,
    attentionNorm: `${module}.attention.output.LayerNorm`,
    up: `${module}.intermediate.dense`,
    down: `${module}.output.dense`,
    outputNorm: `${module}.output.LayerNorm`,
  };
};

/** Positions that count from the first token. */
export const fromStart =
  ({ max_position_embeddings: positions }: BertConfig, width: number): Variety['positions'] =>
  (builder) =>
    positionRows(builder, builder.weight(`${POSITIONS}.weight`, [positions, width]), lengthOf(builder), 0);

export function buildBert(
  config: BertConfig,
  weights: WeightSource,
  { name, width, positions, pooled }: Variety,
): Graph {
  const builder = new EncoderBuilder(weights);
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon, type_vocab_size: types } = config;
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: config.intermediate_size,
    epsilon,
    active: activation(config.hidden_act),
  };

  const words = embed(builder, 'embeddings.word_embeddings', config.vocab_size, width);
  const typed = addTypes(builder, words, 'embeddings.token_type_embeddings', types, width);
  const sum = builder.emit('Add', [typed, positions(builder)], 'embeddings/sum');
  const embedded = builder.layerNorm(sum, 'embeddings.LayerNorm', width, epsilon);
  const bias = paddingBias(builder);
  let x = width === hidden ? embedded : builder.linear(embedded, 'embeddings_project', width, hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const modules = bertLayer(layer);
    x = postNormLayer(builder, x, contextOf(builder, x, x, modules, sizes, bias), modules, sizes);
  }
  return finish(builder, name, x, hidden, {
    pooled: pooled && weights.has('pooler.dense.weight') ? pooler(builder, x, 'pooler.dense', hidden) : undefined,
    types,
  });
}
