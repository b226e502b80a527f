import type { Batch } from '@hadamard-adapter/core';
import {
  TOKEN_INPUTS,
  type AdapterModel,
  DROPOUT_INPUT,
  PAIR_PERMUTATION_INPUT,
  TARGETS_INPUT,
  targetDims,
} from '@hadamard-adapter/compiler/internal';
import type { Value } from '@hadamard-adapter/graph/internal';
import type { RunInputs } from '../executor/executor.js';

const [IDS, MASK, TYPES] = TOKEN_INPUTS;

/** A token input of a graph by its name, [batch, sequence]; undefined for an input that is none. */
export function tokenInput(
  { batch, sequence, inputIds, attentionMask, tokenTypeIds }: Batch,
  name: string,
): Int32Array | undefined {
  switch (name) {
    case IDS:
      return inputIds;
    case MASK:
      return attentionMask;
    case TYPES:
      return tokenTypeIds ?? new Int32Array(batch * sequence);
    default:
      return undefined;
  }
}

/** The same as a value, int64. */
export function tokenValue(batch: Batch, name: string): Value | undefined {
  const data = tokenInput(batch, name);
  return data === undefined
    ? undefined
    : { dtype: 'int64', dims: [batch.batch, batch.sequence], data: Float64Array.from(data) };
}

/**
 * An input that is neither tokens nor parameters, by its name: targets, dropout [batch, hidden], or which row each is
 * compared with [batch, batch]; undefined for any other.
 */
export function floatInput(
  { options, canonical: { hiddenSize } }: AdapterModel,
  { batch, targets, dropout }: RunInputs,
  name: string,
): { data: Float32Array; dims: readonly number[] } | undefined {
  const rows = batch.batch;
  switch (name) {
    case TARGETS_INPUT:
      return {
        data: targets ?? new Float32Array(),
        dims: targetDims(options.loss, options.numLabels).map((dim) => (typeof dim === 'number' ? dim : batch[dim])),
      };
    case DROPOUT_INPUT:
      return { data: dropout ?? new Float32Array(rows * hiddenSize).fill(1), dims: [rows, hiddenSize] };
    case PAIR_PERMUTATION_INPUT:
      return { data: pairPermutation(rows), dims: [rows, rows] };
    default:
      return undefined;
  }
}

/** A 1 at row 2i of 2i + 1 and the other way round. */
function pairPermutation(rows: number): Float32Array {
  const matrix = new Float32Array(rows * rows);
  for (let row = 0; row < rows; row++) matrix[row * rows + (row ^ 1)] = 1;
  return matrix;
}

/** An input of a graph by its name as a value; undefined for a parameter. */
export function inputValue(model: AdapterModel, inputs: RunInputs, name: string): Value | undefined {
  const floats = floatInput(model, inputs, name);
  return floats === undefined
    ? tokenValue(inputs.batch, name)
    : { dtype: 'float32', dims: floats.dims, data: Float64Array.from(floats.data) };
}
