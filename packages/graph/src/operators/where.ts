import { unknownDim } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { broadcasting, gradientOf } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';

/** The gradient passes where the condition chose the operand. */
export const where: Operator = broadcasting('Where', 16, ([condition, a = 0, b = 0]) => (condition === 0 ? b : a), {
  least: 3,
  typeFrom: 1,
  symbols: (condition = 0, a = 0, b = 0) =>
    typeof condition === 'number' ? (condition === 0 ? b : a) : unknownDim('which of two lengths is taken'),
  gradient(context) {
    const { builder, node } = context;
    const [condition, whenTrue, whenFalse] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    const [dy, zero] = [gradientOf(context), builder.scalar(0)];
    return [
      undefined,
      context.wants(1) ? unbroadcast(builder, builder.emit('Where', [condition, dy, zero]), whenTrue) : undefined,
      context.wants(2) ? unbroadcast(builder, builder.emit('Where', [condition, zero, dy]), whenFalse) : undefined,
    ];
  },
});
