import * as v from 'valibot';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import { finish } from './bert.js';
import { activation, flag, headSize, readSizes, refuse, size, text } from './config.js';
import { startKit, type Kit } from './kit.js';
import { addAndNorm, contextOf, feedForward, type LayerSizes } from './layer.js';
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
} from './tokens.js';
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

/**
 * BART (Lewis et al., arXiv 1910.13461) on one text: the decoder reads the same tokens, shifted right by one, as in
 * Hugging Face when no decoder ids are given. Output: the states of the decoder.
 */
export function bartGraph(config: unknown, weights: WeightSource): Graph {
  const given = readSizes(schema, config);
  const { d_model: hidden, vocab_size: vocabulary } = given;
  if (given.normalize_before || given.add_final_layer_norm || !given.normalize_embedding)
    refuse(
      'this form of BART',
      'normalize_before, add_final_layer_norm or no normalize_embedding',
      'norms as in the released BART',
    );
  const kit = startKit(weights);
  const sizesOf = (heads: number, wide: number): LayerSizes => ({
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide,
    epsilon: EPSILON,
    active: activation(given.activation_function),
  });
  const [encoder, decoder] = [
    sizesOf(given.encoder_attention_heads, given.encoder_ffn_dim),
    sizesOf(given.decoder_attention_heads, given.decoder_ffn_dim),
  ];
  // Tied copies are dropped from some checkpoints, the one that they are tied to from others.
  const table =
    ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'].find((name) => weights.has(name)) ??
    'shared.weight';
  const length = lengthOf(kit);
  const embed = (ids: string, part: string): string => {
    const words = scaled(
      kit,
      lookUp(kit, kit.weight(table, [vocabulary, hidden]), ids, `${part}.embed_tokens`),
      given.scale_embedding ? Math.sqrt(hidden) : 1,
    );
    const positions = positionRows(
      kit,
      kit.weight(`${part}.embed_positions.weight`, [given.max_position_embeddings + OFFSET, hidden]),
      length,
      OFFSET,
    );
    return kit.layerNorm(
      kit.emit('Add', [words, positions], `${part}/sum`),
      `${part}.layernorm_embedding`,
      hidden,
      EPSILON,
    );
  };
  const padding = paddingBias(kit);

  let x = embed(IDS, 'encoder');
  for (let layer = 0; layer < given.encoder_layers; layer++) {
    const module = `encoder.layers.${layer}`;
    x = feedForward(kit, attention(kit, x, x, `${module}.self_attn`, encoder, padding), fed(module), encoder);
  }
  const encoded = x;
  const causal = backwards(kit, length);
  x = embed(shiftedRight(kit, given.decoder_start_token_id), 'decoder');
  for (let layer = 0; layer < given.decoder_layers; layer++) {
    const module = `decoder.layers.${layer}`;
    const own = attention(kit, x, x, `${module}.self_attn`, decoder, causal);
    x = feedForward(
      kit,
      attention(kit, own, encoded, `${module}.encoder_attn`, decoder, padding),
      fed(module),
      decoder,
    );
  }
  return finish(kit, 'bart', x, hidden);
}

const fed = (module: string) => ({ up: `${module}.fc1`, down: `${module}.fc2`, norm: `${module}.final_layer_norm` });

function attention(kit: Kit, x: string, states: string, module: string, sizes: LayerSizes, bias: string): string {
  const context = contextOf(
    kit,
    x,
    states,
    { query: `${module}.q_proj`, key: `${module}.k_proj`, value: `${module}.v_proj` },
    sizes,
    bias,
    module,
  );
  return addAndNorm(kit, context, x, `${module}.out_proj`, `${module}_layer_norm`, sizes.hidden, sizes);
}

/** The ids with the start token in front and the last one gone. */
function shiftedRight(kit: Kit, start: number): string {
  const rows = kit.emit('Shape', [IDS], 'batch', { start: int(0), end: int(1) });
  const column = kit.emit(
    'Expand',
    [kit.index(start), kit.emit('Concat', [rows, kit.ints([1])], 'batch/column', { axis: int(0) })],
    'decoder/start',
  );
  const others = kit.emit('Slice', [IDS, kit.ints([0]), kit.ints([-1]), kit.ints([1])], 'decoder/others');
  return kit.emit('Concat', [column, others], 'decoder_input_ids', { axis: int(1) });
}

/** Each position sees itself and what stands in front of it, [1, 1, sequence, sequence]. */
function backwards(kit: Kit, length: string): string {
  const open = kit.emit('GreaterOrEqual', [distances(kit, positionsOf(kit, length)), kit.index(0)], 'decoder/open');
  return kit.emit('Unsqueeze', [biasWhere(kit, open, 'decoder/causal'), kit.ints([0, 1])], 'decoder/bias');
}
