import type { Operator } from './operator.js';
import { needValue } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { batchedProduct, productDims } from './support/matrices.js';
import { centered } from './support/quantize.js';

/** Product of integers less their zero points, int32. */
export const matMulInteger: Operator = {
  name: 'MatMulInteger',
  text: onnx('MatMulInteger', 10),
  infer: (node, inputs) => [{ dtype: 'int32', dims: productDims(node, inputs) }],
  evaluate(node, inputs, [y]) {
    const [, , aZero, bZero] = inputs;
    const [a, b] = [centered(needValue(node, inputs, 0), aZero), centered(needValue(node, inputs, 1), bZero)];
    return [batchedProduct(a, b, y?.dims ?? [])];
  },
};
