import type { Operator } from './operator.js';
import { inputAt, need, needValue, optionalInput } from './support/arguments.js';
import { alignedAxes, gradientOf, onnx } from './support/elementwise.js';

/**
 * Absent bounds are no bounds. The gradient passes where the value was inside them, the bounds included, as PyTorch has
 * it; bounds are constants.
 */
export const clip: Operator = {
  name: 'Clip',
  text: onnx('Clip', 13),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  evaluate(node, inputs) {
    const [, low, high] = inputs;
    const [least, most] = [low?.data[0] ?? Number.NEGATIVE_INFINITY, high?.data[0] ?? Number.POSITIVE_INFINITY];
    return [needValue(node, inputs, 0).data.map((value) => Math.min(Math.max(value, least), most))];
  },
  gradient(context) {
    const { builder, node } = context;
    const [x, low, high] = [inputAt(node, 0), optionalInput(node, 1), optionalInput(node, 2)];
    const zero = builder.scalar(0);
    let gradient = gradientOf(context);
    if (low !== undefined) gradient = builder.emit('Where', [builder.emit('Less', [x, low]), zero, gradient]);
    if (high !== undefined) gradient = builder.emit('Where', [builder.emit('Greater', [x, high]), zero, gradient]);
    return [gradient, undefined, undefined];
  },
  axes: alignedAxes,
  isElementwise: true,
};
