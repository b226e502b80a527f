import { normal, type Batch, type Split } from '@hadamard-adapter/core';
import { buildEncoder, lower } from '@hadamard-adapter/compiler/internal';
import { concatChunks, elementCount, float32Tensor, writeModel, type Graph } from '@hadamard-adapter/graph/internal';

const CONFIG = {
  model_type: 'bert',
  num_hidden_layers: 3,
  hidden_size: 16,
  num_attention_heads: 4,
  intermediate_size: 32,
  vocab_size: 50,
  max_position_embeddings: 24,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
};

export const HIDDEN = CONFIG.hidden_size;

/**
 * A three-layer BERT with random weights, large enough that every layer matters and small enough for the interpreter.
 */
export function tinyBert(seed = 1, config: typeof CONFIG = CONFIG): Graph {
  return buildEncoder(config, {
    has: (name) => !name.startsWith('pooler'),
    take(name, dims) {
      const values = normal(elementCount(dims), 0.15, seed, name);
      return float32Tensor(name.endsWith('LayerNorm.weight') ? values.map((value) => 1 + value) : values, dims);
    },
  });
}

/** The same with weights of tens of KB each. */
export const widerBert = (): Graph =>
  tinyBert(1, { ...CONFIG, hidden_size: 128, intermediate_size: 512, num_hidden_layers: 2 });

/** The same as the bytes of an ONNX file, in a buffer of their own. */
export const tinyModel = (): Uint8Array => concatChunks(writeModel(lower(tinyBert()))).slice();

/** Rows of different lengths; labels are class indices, or `labels` numbers a row for mse and bce. */
export function tinySplit(
  id: string,
  size: number,
  labels: (row: number) => readonly number[] = (row) => [row % 3],
): Split {
  const lengths = Int32Array.from({ length: size }, (_, row) => 3 + ((row * 7) % 15));
  const token = (row: number, position: number): number => 4 + ((row * 31 + position * 17 + row * position) % 46);
  const all = Array.from({ length: size }, (_, row) => labels(row));
  return {
    id,
    size,
    lengths,
    labels: Float32Array.from(all.flat()),
    batch(rows): Batch {
      const sequence = Math.max(...Array.from(rows, (row) => lengths[row] as number));
      const matrix = (value: (row: number, position: number) => number): Int32Array =>
        Int32Array.from({ length: rows.length * sequence }, (_, i) => {
          const [row, position] = [rows[Math.floor(i / sequence)] as number, i % sequence];
          return position < (lengths[row] as number) ? value(row, position) : 0;
        });
      return {
        batch: rows.length,
        sequence,
        inputIds: matrix(token),
        attentionMask: matrix(() => 1),
        tokenTypeIds: matrix((row, position) => Number(position > row % 5)),
        labels: Float32Array.from(Array.from(rows).flatMap((row) => all[row] as readonly number[])),
        source: { split: id, rows: Int32Array.from(rows) },
      };
    },
  };
}

/** The largest difference of two vectors of the same length, over the largest value of the second. */
export function relativeDifference(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0) / scale;
}
