import type { Batch } from '@hadamard-adapter/core';
import { buildEncoder } from '@hadamard-adapter/compiler/internal';
import { float32Tensor, type Graph } from '@hadamard-adapter/graph/internal';
import type { BenchSizes, BenchWork } from './peer.js';

export type { BenchSizes } from './peer.js';

/** A BERT of these sizes with random weights. */
export function benchEncoder({ layers, hidden, heads, intermediate, vocab, positions }: BenchSizes): Graph {
  const config = {
    model_type: 'bert',
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    vocab_size: vocab,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
  };
  const random = (name: string, dims: readonly number[]) =>
    float32Tensor(
      randomWeights(
        name,
        dims.reduce((product, size) => product * size, 1),
      ),
      dims,
    );
  return buildEncoder(config, { has: (name) => !name.startsWith('pooler'), take: random });
}

/**
 * Small, cheap, and the same for a name wherever it is asked for, so that contestants can compare their losses; speed
 * does not depend on the values as long as none is denormal.
 */
export function randomWeights(name: string, size: number): Float32Array {
  const values = new Float32Array(size);
  if (name.endsWith('LayerNorm.weight')) return values.fill(1);
  let state = Array.from(name).reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0, 7);
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = (state / 2 ** 31) * 0.05;
  }
  return values;
}

export function benchBatch({ batch, sequence }: Pick<BenchWork, 'batch' | 'sequence'>): Batch {
  const size = batch * sequence;
  return {
    batch,
    sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % 1000)),
    attentionMask: new Int32Array(size).fill(1),
    labels: Float32Array.from({ length: batch }, (_, row) => row % 2),
  };
}
