import type { Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { shapeError } from './operator.js';

/** The shape that `shapes` broadcast to, by numpy's rules. */
export function broadcastDims(node: Node, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const dims of shapes) {
      const own = dims[axis - rank + dims.length] ?? 1;
      if (own === 1 || own === size) continue;
      if (size !== 1)
        throw shapeError(node, shapes.map((s) => `[${s.join(', ')}]`).join(' and '), 'shapes that broadcast');
      size = own;
    }
    return size;
  });
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = dims.map(() => 1);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis] as number;
  }
  return strides;
}

/** For every element of a tensor of shape `to`, the index of its source in one of shape `from`. */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array {
  const own = stridesOf(from);
  const missing = to.length - from.length;
  const strides = to.map((_, axis) =>
    axis < missing || from[axis - missing] === 1 ? 0 : (own[axis - missing] as number),
  );
  return stridedIndex(to, strides, 0);
}

/** Offsets visited when walking a shape in row-major order with the given strides. */
export function stridedIndex(dims: readonly number[], strides: readonly number[], start: number): Int32Array {
  const size = elementCount(dims);
  const index = new Int32Array(size);
  const counter = dims.map(() => 0);
  let offset = start;
  for (let i = 0; i < size; i++) {
    index[i] = offset;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      offset += strides[axis] as number;
      const next = (counter[axis] as number) + 1;
      counter[axis] = next;
      if (next < (dims[axis] as number)) break;
      offset -= (strides[axis] as number) * (dims[axis] as number);
      counter[axis] = 0;
    }
  }
  return index;
}
