import { FormatError, UnsupportedError } from '@hadamard-adapter/core';
import { withoutUnusedInputs } from '../forms/unused-inputs.js';
import {
  type Graph,
  type Tensor,
  prune,
  fromNumbers,
  toFloat32,
  readMetadata,
  readModel,
  type ReadOptions,
} from '@hadamard-adapter/graph/internal';
import { decodeRecord } from './record.js';

/** Below this a product with w may have lost digits to the end of float32's range. */
const SMALLEST = 1e-30;

/**
 * Undo a fold: the base model out of a file that `fold` wrote, with the hidden states as its output. Vectors (norms,
 * biases, scales of quantized matrices) come back bit by bit; a matrix is divided by w, so that each number is within
 * two roundings of what it was. Only the matrices that change are copied.
 *
 * @throws FormatError FOLD_RECORD for a file that was not folded by this project, or was changed since;
 *   UnsupportedError UNFOLD_ZERO when some w is 0; those of `readModel`.
 */
export function unfoldAdapters(model: Uint8Array, options: ReadOptions = {}): Graph {
  const graph = readModel(model, options);
  const record = decodeRecord(readMetadata(model));
  const tensors = new Map(graph.tensors);
  // A float16 model keeps its tensors under names of their own.
  const find = (name: string): readonly [string, Tensor] => {
    for (const each of [name, `${name}/float16`]) {
      const tensor = tensors.get(each);
      if (tensor !== undefined) return [each, tensor];
    }
    throw new FormatError('The model was changed after folding', { code: 'FOLD_RECORD', found: `no tensor ${name}` });
  };
  for (const [recorded, original] of record.originals) {
    const [name, { dtype, dims }] = find(recorded);
    tensors.set(name, fromNumbers(dtype, toFloat32(original), dims));
  }
  for (const [recorded, { by, axis }] of record.scaled) {
    const [name, tensor] = find(recorded);
    tensors.set(name, divided(recorded, tensor, toFloat32(by), axis));
  }
  const outputs = graph.outputs.filter(({ name }) => name === record.hidden);
  if (outputs.length === 0)
    throw new FormatError('The model was changed after folding', {
      code: 'FOLD_RECORD',
      found: `no output ${record.hidden}`,
    });
  return withoutUnusedInputs(prune({ ...graph, tensors, outputs }));
}

function divided(name: string, { dtype, dims, ...rest }: Tensor, factors: Float32Array, axis: 0 | 1): Tensor {
  const [rows, columns] = dims as readonly [number, number];
  if (dims.length !== 2 || factors.length !== dims[axis])
    throw new FormatError('The model was changed after folding', {
      code: 'FOLD_RECORD',
      found: `${name} of shape [${dims.join(', ')}]`,
      expected: `${factors.length} along axis ${axis}`,
    });
  const zero = factors.findIndex((factor) => !(Math.abs(factor) >= SMALLEST));
  if (zero >= 0)
    throw new UnsupportedError('The fold cannot be undone', {
      code: 'UNFOLD_ZERO',
      found: `scale ${factors[zero]} of channel ${zero} in ${name}`,
      expected: 'no scale of 0',
      hint: 'What was multiplied by it is gone; take the base model itself.',
    });
  const values = Float32Array.from(toFloat32({ dtype, dims, ...rest }));
  for (let row = 0, i = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, i++)
      values[i] = (values[i] as number) / (factors[axis === 0 ? row : column] as number);
  return fromNumbers(dtype, values, dims);
}
