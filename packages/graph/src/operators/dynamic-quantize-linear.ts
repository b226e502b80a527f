import type { Operator } from './operator.js';
import { need, needValue } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { quantizeDynamically } from './support/quantize.js';

/** y = saturate(round(x / scale) + zero point) as uint8, with scale and zero point taken from the range of x. */
export const dynamicQuantizeLinear: Operator = {
  name: 'DynamicQuantizeLinear',
  text: onnx('DynamicQuantizeLinear', 11),
  infer: (node, inputs) => [
    { dtype: 'uint8', dims: need(node, inputs, 0).dims },
    { dtype: 'float32', dims: [] },
    { dtype: 'uint8', dims: [] },
  ],
  evaluate(node, inputs) {
    const { levels, scale, zero } = quantizeDynamically(needValue(node, inputs, 0).data);
    return [levels, Float64Array.of(scale), Float64Array.of(zero)];
  },
};
