import type { Group, ParameterInfo } from '@hadamard-adapter/core';
import { GROUPS } from '@hadamard-adapter/core';
import { type Graph, type ValueInfo, toFloat32 } from '@hadamard-adapter/graph/internal';

/** Where the value of a parameter comes from before any training. */
export type InitialValue = { readonly fill: number } | { readonly tensor: string } | { readonly deviation: number };

/** A trainable tensor that a transformation made: an input of the graph under the name of the parameter. */
export interface Parameter extends ParameterInfo {
  readonly initial: InitialValue;
}

export function parameterInput({ name, shape }: ParameterInfo): ValueInfo {
  return { name, dtype: 'float32', dims: shape };
}

/** Parameters in the order of every flat vector: by group, and within a group in the order they were made. */
export function sortParameters(parameters: readonly Parameter[]): Parameter[] {
  return GROUPS.flatMap((group: Group) => parameters.filter((parameter) => parameter.group === group));
}

/** Values of `parameter` before training, row-major; `random` makes normally distributed ones of some deviation. */
export function initialValues(
  parameter: Parameter,
  tensors: Graph['tensors'],
  random: (parameter: ParameterInfo, deviation: number) => Float32Array,
): Float32Array {
  const { initial, shape } = parameter;
  if ('deviation' in initial) return random(parameter, initial.deviation);
  if ('fill' in initial) return new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(initial.fill);
  const tensor = tensors.get(initial.tensor);
  if (tensor === undefined)
    throw new TypeError(`parameter ${parameter.name} starts from a tensor that is gone: ${initial.tensor}`);
  return toFloat32(tensor);
}
