import { elementCount } from '../../tensors/elements.js';

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = dims.map(() => 1);
  let stride = 1;
  for (const [axis, size] of [...dims.entries()].toReversed()) {
    strides[axis] = stride;
    stride *= size;
  }
  return strides;
}

/** For every element of a tensor of shape `to`, the index of its source in one of shape `from`. */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array {
  const own = stridesOf(from);
  const missing = to.length - from.length;
  const strides = to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : (own[axis - missing] ?? 0)));
  return stridedIndex(to, strides, 0);
}

/** Offsets visited when walking a shape in row-major order with the given strides. */
export function stridedIndex(dims: readonly number[], strides: readonly number[], start: number): Int32Array {
  const size = elementCount(dims);
  const index = new Int32Array(size);
  const counter = new Int32Array(dims.length);
  let offset = start;
  for (let i = 0; i < size; i++) {
    index[i] = offset;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const [stride = 0, length = 0, before = 0] = [strides[axis], dims[axis], counter[axis]];
      offset += stride;
      counter[axis] = before + 1;
      if (before + 1 < length) break;
      offset -= stride * length;
      counter[axis] = 0;
    }
  }
  return index;
}

/** The elements that an index names, in its order. */
export const pickAll = (data: Float64Array, index: Int32Array): Float64Array =>
  Float64Array.from(index, (at) => data[at] ?? Number.NaN);
