import { intAttribute } from '../ir/graph.js';
import type { DataType } from '../tensors/tensor.js';
import type { Operator } from './operator.js';
import { need, needValue } from './support/arguments.js';
import { alignedAxes, isInteger, onnx, passThrough } from './support/elementwise.js';

/** Types by their number in TensorProto.DataType, as Cast names them. */
const TYPES: Readonly<Record<number, DataType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  16: 'bfloat16',
};

export const cast: Operator = {
  name: 'Cast',
  text: onnx('Cast', 13),
  infer(node, inputs) {
    const x = need(node, inputs, 0);
    return [{ dtype: TYPES[intAttribute(node, 'to', 1)] ?? x.dtype, dims: x.dims }];
  },
  evaluate(node, inputs, [output]) {
    const dtype = output?.dtype ?? 'float32';
    const to = dtype === 'bool' ? (x: number) => Number(x !== 0) : isInteger(dtype) ? Math.trunc : undefined;
    const { data } = needValue(node, inputs, 0);
    return [to === undefined ? data.slice() : data.map((value) => to(value))];
  },
  symbols: 'moves',
  gradient: passThrough,
  axes: alignedAxes,
  isElementwise: true,
  rearranges: true,
};
