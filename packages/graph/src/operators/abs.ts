import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { gradientOf, unary } from './support/elementwise.js';

export const abs: Operator = unary('Abs', 13, Math.abs, {
  gradient: (context) => [
    context.builder.emit('Mul', [gradientOf(context), context.builder.emit('Sign', [inputAt(context.node, 0)])]),
  ],
});
