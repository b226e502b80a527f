import type { Builder } from '../../builder/builder.js';
import { intAttribute, type Node } from '../../ir/graph.js';
import type { Evaluated, Fact } from '../../shapes/fact.js';
import { sameDim, type Dim } from '../../shapes/dim.js';
import { elementCount } from '../../tensors/elements.js';
import type { Inputs } from '../operator.js';
import { need, shapeError, shapeText } from './arguments.js';
import { broadcastDims } from './broadcast.js';
import { broadcastIndex } from './strides.js';

/** A matrix inside a larger array of them. */
interface Block {
  readonly data: Float64Array;
  readonly at: number;
}

/** c[m, n] += a[m, k]·b[k, n], each at an offset of its own. */
export function multiply(a: Block, b: Block, c: Block, [m, k, n]: readonly [number, number, number]): void {
  for (let row = 0; row < m; row++) {
    for (let inner = 0; inner < k; inner++) {
      const factor = a.data[a.at + row * k + inner] ?? 0;
      const [from, to] = [b.at + inner * n, c.at + row * n];
      for (let column = 0; column < n; column++)
        c.data[to + column] = (c.data[to + column] ?? 0) + factor * (b.data[from + column] ?? 0);
    }
  }
}

export function transposed(data: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column] ?? 0;
  return result;
}

/** Whether two inner sizes can be multiplied: they are equal, or one is not known before the graph runs. */
export const canMultiply = (left: Dim | undefined, right: Dim | undefined): boolean =>
  left !== undefined &&
  right !== undefined &&
  (sameDim(left, right) || typeof left !== 'number' || typeof right !== 'number');

/** The dimensions of a batched product of matrices. */
export function productDims(node: Node, inputs: Inputs): Dim[] {
  const [a, b] = [need(node, inputs, 0).dims, need(node, inputs, 1).dims];
  const [m, n] = [a.at(-2), b.at(-1)];
  if (m === undefined || n === undefined || b.length < 2 || !canMultiply(a.at(-1), b.at(-2)))
    throw shapeError(node, `${shapeText(a)} · ${shapeText(b)}`, 'matrices whose inner sizes agree');
  return [...broadcastDims(node, [a.slice(0, -2), b.slice(0, -2)]), m, n];
}

/** A batched product of matrices of shape `dims`. */
export function batchedProduct(a: Evaluated, b: Evaluated, dims: readonly number[]): Float64Array {
  const [m = 1, n = 1] = dims.slice(-2);
  const k = a.dims.at(-1) ?? 1;
  const batch = dims.slice(0, -2);
  const [aIndex, bIndex] = [broadcastIndex(a.dims.slice(0, -2), batch), broadcastIndex(b.dims.slice(0, -2), batch)];
  const result = new Float64Array(elementCount(dims));
  for (const [i, aAt] of aIndex.entries()) {
    const [left, right] = [
      { data: a.data, at: aAt * m * k },
      { data: b.data, at: (bIndex[i] ?? 0) * k * n },
    ];
    multiply(left, right, { data: result, at: i * m * n }, [m, k, n]);
  }
  return result;
}

/** Rows times matrix: x [m, k] · W [k, n], or Wᵀ of W [n, k]. */
export function affine(rows: Float64Array, k: number, weight: Evaluated, transB: boolean): Float64Array {
  const [first = 1, second = 1] = weight.dims;
  const n = transB ? first : second;
  const m = rows.length / k;
  const result = new Float64Array(m * n);
  const matrix = transB ? transposed(weight.data, first, second) : weight.data;
  multiply({ data: rows, at: 0 }, { data: matrix, at: 0 }, { data: result, at: 0 }, [m, k, n]);
  return result;
}

/** `result` of shape `dims` with beta · addend, which broadcasts to it. */
export function addTo(
  result: Float64Array,
  addend: Evaluated | undefined,
  dims: readonly number[],
  beta = 1,
): Float64Array {
  if (addend === undefined) return result;
  const index = broadcastIndex(addend.dims, dims);
  return result.map((value, i) => value + beta * (addend.data[index[i] ?? 0] ?? 0));
}

/** x [.., k] times a matrix as the attribute `transB` has it: [.., n]. */
export function linearDims(node: Node, inputs: Inputs): Fact[] {
  const [x, weight] = [need(node, inputs, 0), need(node, inputs, 1)];
  const transB = intAttribute(node, 'transB', 0);
  const width = weight.dims[1 - transB];
  if (weight.dims.length !== 2 || width === undefined || !canMultiply(x.dims.at(-1), weight.dims[transB])) {
    throw shapeError(
      node,
      `${shapeText(x.dims)} · ${shapeText(weight.dims)}`,
      'a last dimension that the weight takes',
    );
  }
  return [{ dtype: x.dtype, dims: [...x.dims.slice(0, -1), width] }];
}

/** All leading axes as one. */
export function asRows(builder: Builder, value: string): string {
  const dims = builder.dims(value);
  const last = dims.at(-1);
  if (dims.length === 2 || typeof last !== 'number') return value;
  return builder.emit('Reshape', [value, builder.ints([-1, last])]);
}
