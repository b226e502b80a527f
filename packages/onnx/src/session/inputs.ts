import type { Batch } from '@hadamard-adapter/core';
import { TOKEN_INPUTS } from '../canonicalize/inputs.js';
import type { AdapterModel } from '../compile/model.js';
import { DROPOUT_INPUT } from '../head/head.js';
import { TARGETS_INPUT } from '../head/loss.js';
import type { Value } from '../ops/value.js';
import type { RunInputs } from './executor.js';

const [IDS, MASK, TYPES] = TOKEN_INPUTS;

/** A token input of a graph by its name, [batch, sequence]; undefined for an input that is none. */
export function tokenInput({ batch, sequence, inputIds, attentionMask, tokenTypeIds }: Batch, name: string): Int32Array | undefined {
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
  return data === undefined ? undefined : { dtype: 'int64', dims: [batch.batch, batch.sequence], data: Float64Array.from(data) };
}

/** An input of a graph by its name: tokens, targets [batch, numLabels], or dropout [batch, hidden]; undefined for a parameter. */
export function inputValue(model: AdapterModel, { batch, targets, dropout }: RunInputs, name: string): Value | undefined {
  const matrix = (data: ArrayLike<number>, width: number): Value => ({ dtype: 'float32', dims: [batch.batch, width], data: Float64Array.from(data) });
  const { hiddenSize } = model.canonical;
  if (name === TARGETS_INPUT) return matrix(targets ?? [], model.options.numLabels);
  if (name === DROPOUT_INPUT) return matrix(dropout ?? new Float32Array(batch.batch * hiddenSize).fill(1), hiddenSize);
  return tokenValue(batch, name);
}
