import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { gradientOf, unary } from './support/elementwise.js';

/** Its slope: 1 where x > 0; 0 at 0, as PyTorch has it. */
export const relu: Operator = unary('Relu', 14, (x) => Math.max(x, 0), {
  gradient(context) {
    const { node, builder } = context;
    const isPositive = builder.emit('Greater', [inputAt(node, 0), builder.scalar(0)]);
    return [builder.emit('Where', [isPositive, gradientOf(context), builder.scalar(0)])];
  },
});
