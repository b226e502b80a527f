import type { Dim } from '../../shapes/dim.js';
import type { Fact } from '../../shapes/fact.js';
import type { DataType } from '../../tensors/tensor.js';

/** A value whose elements are dimensions: a constant where all of them are numbers. */
export function factOfElements(dtype: DataType, dims: readonly Dim[], elements: readonly Dim[]): Fact {
  const isNumber = (element: Dim): element is number => typeof element === 'number';
  return elements.every(isNumber)
    ? { dtype, dims, data: Float64Array.from(elements) }
    : { dtype, dims, symbols: elements };
}
