import {
  intAttribute,
  type Node,
  type Tensor,
  float32Tensor,
  fromNumbers,
  toFloat32,
} from '@hadamard-adapter/graph/internal';
import type { Int8Bits } from '../../forms/int8-bits.js';

/**
 * A weight in the form that `MatMulInteger` takes: [K, N] int8 without zero point, and one scale for each of the N
 * columns.
 */
export interface PackedWeight {
  readonly levels: Tensor;
  readonly scale: Tensor;
}

/**
 * The weight of a `Linear` ([K, N], or [N, K] with transB) with one scale per output, so that the largest of its column
 * is the largest level. A gradient reads the same weight the other way round and is packed by itself, with scales that
 * suit it.
 */
export function packWeight(linear: Node, weight: Tensor, bits: Int8Bits): PackedWeight {
  const [rows, columns] = weight.dims as [number, number];
  const values = toFloat32(weight);
  const most = 2 ** (bits - 1) - 1;
  return intAttribute(linear, 'transB', 0) === 1
    ? packRows(values, rows, columns, most)
    : packColumns(values, rows, columns, most);
}

/** [K, N] stays in its order. */
function packColumns(values: Float32Array, inputs: number, outputs: number, most: number): PackedWeight {
  const largest = new Float32Array(outputs);
  for (let k = 0, at = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++, at++) largest[n] = Math.max(largest[n] as number, Math.abs(values[at] as number));
  const factors = largest.map((value) => factor(value, most));
  const levels = new Int8Array(values.length);
  for (let k = 0, at = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++, at++) levels[at] = Math.round((values[at] as number) * (factors[n] as number));
  return packed(levels, largest, inputs, most);
}

/** [N, K] is turned round on the way. */
function packRows(values: Float32Array, outputs: number, inputs: number, most: number): PackedWeight {
  const largest = new Float32Array(outputs);
  const levels = new Int8Array(values.length);
  for (let n = 0; n < outputs; n++) {
    const row = values.subarray(n * inputs, (n + 1) * inputs);
    for (const value of row) largest[n] = Math.max(largest[n] as number, Math.abs(value));
    const scaled = factor(largest[n] as number, most);
    for (let k = 0, at = n; k < inputs; k++, at += outputs) levels[at] = Math.round((row[k] as number) * scaled);
  }
  return packed(levels, largest, inputs, most);
}

const factor = (largest: number, most: number): number => (largest === 0 ? 0 : most / largest);

function packed(levels: Int8Array, largest: Float32Array, inputs: number, most: number): PackedWeight {
  return {
    levels: fromNumbers('int8', levels, [inputs, largest.length]),
    scale: float32Tensor(largest.map((value) => value / most)),
  };
}
