import type { Batch } from '@hadamard-adapter/core';

/** Sizes of the encoder under test, random weights. */
export interface Sizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly positions: number;
}

export const configOf = ({ layers, hidden, heads, intermediate, vocab, positions }: Sizes) => ({
  model_type: 'bert',
  num_hidden_layers: layers,
  hidden_size: hidden,
  num_attention_heads: heads,
  intermediate_size: intermediate,
  vocab_size: vocab,
  max_position_embeddings: positions,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
});

/** The same numbers for both contestants, so that their losses can be compared: small, cheap and without structure. */
export function weights(name: string, size: number): Float32Array {
  const values = new Float32Array(size);
  if (name.endsWith('LayerNorm.weight')) return values.fill(1);
  let state = Array.from(name).reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0, 7);
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = (state / 2 ** 31) * 0.05;
  }
  return values;
}

export function makeBatch(batch: number, sequence: number): Batch {
  const size = batch * sequence;
  return {
    batch,
    sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % 1000)),
    attentionMask: new Int32Array(size).fill(1),
    labels: Float32Array.from({ length: batch }, (_, row) => row % 2),
  };
}
