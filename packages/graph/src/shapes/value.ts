import type { DataType, Tensor } from '../tensors/tensor.js';
import { elementCount, toNumbers } from '../tensors/elements.js';

/**
 * What is known of a value: always element type and shape, and the elements where they could be computed. Row-major,
 * all as doubles: integers beyond 2⁵³ lose digits, which only occurs for "to the end".
 */
export interface Value {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly data?: Float64Array;
}

/** A constant with its data. */
export function valueOfTensor(tensor: Tensor): Value {
  return { dtype: tensor.dtype, dims: tensor.dims, data: toNumbers(tensor) };
}

export function sizeOf({ dims }: Value): number {
  return elementCount(dims);
}
