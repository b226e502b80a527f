import type { Node } from './graph.js';
import type { Tensor } from '../tensors/tensor.js';
import { float32Tensor, int64Tensor } from '../tensors/elements.js';

/** The tensor of a `Constant` node, whichever of its attributes holds it; undefined for strings and sparse tensors. */
export function constantValue({ attributes }: Node): Tensor | undefined {
  const { value, value_float, value_floats, value_int, value_ints } = attributes;
  if (value?.type === 'tensor') return value.value;
  if (value_float?.type === 'float') return float32Tensor([value_float.value], []);
  if (value_floats?.type === 'floats') return float32Tensor(value_floats.value, [value_floats.value.length]);
  if (value_int?.type === 'int') return int64Tensor([value_int.value], []);
  if (value_ints?.type === 'ints') return int64Tensor(value_ints.value, [value_ints.value.length]);
  return undefined;
}
