import { intAttribute } from '../ir/graph.js';
import { productOf } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { need } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { reshapeBack, sameData } from './support/movement.js';

export const flatten: Operator = {
  name: 'Flatten',
  text: onnx('Flatten', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = intAttribute(node, 'axis', 1);
    const at = axis < 0 ? axis + dims.length : axis;
    return [{ dtype, dims: [productOf(dims.slice(0, at)), productOf(dims.slice(at))] }];
  },
  evaluate: sameData,
  symbols: 'moves',
  gradient: reshapeBack,
  rearranges: true,
  sharesMemory: true,
};
