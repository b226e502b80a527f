import { elementCount, toNumbers } from '../tensors/elements.js';
import type { DataType, Tensor } from '../tensors/tensor.js';
import type { Dim } from './dim.js';

/** What is known of a value before a graph runs: always type and shape, and the elements as far as they follow. */
export interface Fact {
  readonly dtype: DataType;
  readonly dims: readonly Dim[];
  /**
   * The elements of a constant, row-major, all as doubles: integers beyond 2⁵³ lose digits, which only occurs for "to
   * the end".
   */
  readonly data?: Float64Array;
  /** Elements that follow from dimensions, as those of a `Shape`, where they are not all numbers. */
  readonly symbols?: readonly Dim[];
}

/** A fact of known size. With `data` it is a value as a run of the reference has it. */
export interface Value extends Fact {
  readonly dims: readonly number[];
}

/** A value with its elements. */
export interface Evaluated extends Value {
  readonly data: Float64Array;
}

/** A constant with its data. */
export function valueOfTensor(tensor: Tensor): Evaluated {
  return { dtype: tensor.dtype, dims: tensor.dims, data: toNumbers(tensor) };
}

export const isSized = (fact: Fact): fact is Value => fact.dims.every((dim) => typeof dim === 'number');

export const isEvaluated = (fact: Fact | undefined): fact is Evaluated =>
  fact !== undefined && fact.data !== undefined && isSized(fact);

/** Elements as dimensions, whichever way they are known; undefined when they are not. */
export function elementsOf({ data, symbols }: Fact): readonly Dim[] | undefined {
  return symbols ?? (data === undefined ? undefined : Array.from(data));
}

export const sizeOf = ({ dims }: Value): number => elementCount(dims);
