import type { Operator } from './operator.js';
import { inputAt, need, needElements, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { broadcastIndex, pickAll } from './support/strides.js';
import { broadcastDims } from './support/broadcast.js';
import { unbroadcast } from './support/unbroadcast.js';

export const expand: Operator = {
  name: 'Expand',
  text: onnx('Expand', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    return [{ dtype, dims: broadcastDims(node, [dims, needElements(node, inputs, 1)]) }];
  },
  evaluate(node, inputs, [y]) {
    const { dims, data } = needValue(node, inputs, 0);
    return [pickAll(data, broadcastIndex(dims, y?.dims ?? []))];
  },
  symbols: 'moves',
  gradient: (context) => [unbroadcast(context.builder, gradientOf(context), inputAt(context.node, 0))],
};
