import * as v from 'valibot';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import { activation, flag, headSize, readSizes, refuse, size, text } from './encoder/config.js';
import { EncoderBuilder } from './encoder/encoder-builder.js';
import {
  attended,
  contextOf,
  feedForward,
  type AttentionModules,
  type FeedForwardModules,
  type LayerSizes,
} from './encoder/layer.js';
import { finish } from './encoder/outputs.js';
import {
  IDS,
  biasWhere,
  distances,
  lengthOf,
  lookUp,
  paddingBias,
  positionRows,
  positionsOf,
  scaled,
} from './encoder/tokens.js';
import { SPAN_HEAD, layerTargets, type Family, type AttentionTargets, type InLayer } from './family.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  d_model: size(1024),
  encoder_layers: size(12),
  decoder_layers: size(12),
  encoder_attention_heads: size(16),
  decoder_attention_heads: size(16),
  encoder_ffn_dim: size(4096),
  decoder_ffn_dim: size(4096),
  activation_function: text('gelu'),
  vocab_size: size(50_265),
  max_position_embeddings: size(1024),
  decoder_start_token_id: size(2, 0),
  scale_embedding: flag(false),
  normalize_before: flag(false),
  normalize_embedding: flag(true),
  add_final_layer_norm: flag(false),
});

const EPSILON = 1e-5;
/** Rows in front of the first position, a heritage of fairseq's padding id. */
const OFFSET = 2;

const inEncoder: InLayer<string> = (layer) => `encoder.layers.${layer}`;
const inDecoder: InLayer<string> = (layer) => `decoder.layers.${layer}`;

/** Modules of one of the attentions of a layer. */
function attentionOf(layer: string, name: 'self_attn' | 'encoder_attn'): AttentionModules & AttentionTargets {
  const attention = `${layer}.${name}`;
  return {
    attention,
    query: `${attention}.q_proj`,
    key: `${attention}.k_proj`,
    value: `${attention}.v_proj`,
    output: `${attention}.out_proj`,
    attentionNorm: `${attention}_layer_norm`,
  };
}

const feedForwardOf = (layer: string): FeedForwardModules => ({
  up: `${layer}.fc1`,
  down: `${layer}.fc2`,
  outputNorm: `${layer}.final_layer_norm`,
});

/**
 * BART (Lewis et al., arXiv 1910.13461) on one text: the decoder reads the same tokens, shifted right by one, as in
 * Hugging Face when no decoder ids are given. Output: the states of the decoder.
 */
export const BART: Family = {
  name: 'bart',
  models: [{ type: 'bart', classPrefix: 'Bart' }],
  fields: Object.keys(schema.entries),
  build: buildBart,
  peft: {
    basePrefix: 'model',
    norms: 'behind',
    targets: {
      ...layerTargets({ ...attentionOf(inEncoder('#'), 'self_attn'), ...feedForwardOf(inEncoder('#')) }),
      ...layerTargets(
        { ...attentionOf(inDecoder('#'), 'self_attn'), ...feedForwardOf(inDecoder('#')) },
        { part: 'decoder' },
      ),
      ...layerTargets(attentionOf(inDecoder('#'), 'encoder_attn'), { part: 'decoder', kind: 'cross' }),
    },
    heads: [
      // It reads the decoder at the end token, the last one of a text.
      {
        task: 'SEQ_CLS',
        pooler: 'classification_head.dense',
        classifier: 'classification_head.out_proj',
        pooling: 'last',
      },
      SPAN_HEAD,
    ],
    headModules: ['classification_head'],
  },
};

function buildBart(config: unknown, weights: WeightSource): Graph {
  const given = readSizes(schema, config);
  const { d_model: hidden, vocab_size: vocabulary } = given;
  if (given.normalize_before || given.add_final_layer_norm || !given.normalize_embedding)
    refuse(
      'this form of BART',
      'normalize_before, add_final_layer_norm or no normalize_embedding',
      'norms as in the released BART',
    );
  const builder = new EncoderBuilder(weights);
  const sizesOf = (heads: number, wide: number): LayerSizes => ({
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide,
    epsilon: EPSILON,
    active: activation(given.activation_function),
  });
  const encoder = sizesOf(given.encoder_attention_heads, given.encoder_ffn_dim);
  const decoder = sizesOf(given.decoder_attention_heads, given.decoder_ffn_dim);
  // Tied copies are dropped from some checkpoints, the one that they are tied to from others.
  const table =
    ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'].find((name) => weights.has(name)) ??
    'shared.weight';
  const length = lengthOf(builder);
  const embed = (ids: string, part: string): string => {
    const tokens = lookUp(builder, builder.weight(table, [vocabulary, hidden]), ids, `${part}.embed_tokens`);
    const words = scaled(builder, tokens, given.scale_embedding ? Math.sqrt(hidden) : 1);
    const rows = given.max_position_embeddings + OFFSET;
    const all = builder.weight(`${part}.embed_positions.weight`, [rows, hidden]);
    const sum = builder.emit('Add', [words, positionRows(builder, all, length, OFFSET)], `${part}/sum`);
    return builder.layerNorm(sum, `${part}.layernorm_embedding`, hidden, EPSILON);
  };
  const attend = (
    x: string,
    states: string,
    modules: ReturnType<typeof attentionOf>,
    sizes: LayerSizes,
    bias: string,
  ): string => attended(builder, x, contextOf(builder, x, states, modules, sizes, bias), modules, sizes);
  const padding = paddingBias(builder);

  let x = embed(IDS, 'encoder');
  for (let layer = 0; layer < given.encoder_layers; layer++) {
    const module = inEncoder(layer);
    x = attend(x, x, attentionOf(module, 'self_attn'), encoder, padding);
    x = feedForward(builder, x, feedForwardOf(module), encoder);
  }
  const encoded = x;
  const causal = backwards(builder, length);
  x = embed(shiftedRight(builder, given.decoder_start_token_id), 'decoder');
  for (let layer = 0; layer < given.decoder_layers; layer++) {
    const module = inDecoder(layer);
    x = attend(x, x, attentionOf(module, 'self_attn'), decoder, causal);
    x = attend(x, encoded, attentionOf(module, 'encoder_attn'), decoder, padding);
    x = feedForward(builder, x, feedForwardOf(module), decoder);
  }
  return finish(builder, 'bart', x, hidden);
}

/** The ids with the start token in front and the last one gone. */
function shiftedRight(builder: EncoderBuilder, start: number): string {
  const rows = builder.emit('Shape', [IDS], 'batch', { start: int(0), end: int(1) });
  const column = builder.emit(
    'Expand',
    [builder.index(start), builder.emit('Concat', [rows, builder.ints([1])], 'batch/column', { axis: int(0) })],
    'decoder/start',
  );
  const others = builder.emit(
    'Slice',
    [IDS, builder.ints([0]), builder.ints([-1]), builder.ints([1])],
    'decoder/others',
  );
  return builder.emit('Concat', [column, others], 'decoder_input_ids', { axis: int(1) });
}

/** Each position sees itself and what stands in front of it, [1, 1, sequence, sequence]. */
function backwards(builder: EncoderBuilder, length: string): string {
  const open = builder.emit(
    'GreaterOrEqual',
    [distances(builder, positionsOf(builder, length)), builder.index(0)],
    'decoder/open',
  );
  return builder.emit('Unsqueeze', [biasWhere(builder, open, 'decoder/causal'), builder.ints([0, 1])], 'decoder/bias');
}
