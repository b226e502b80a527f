import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { gradientOf, unary } from './support/elementwise.js';

export const log: Operator = unary('Log', 13, Math.log, {
  gradient: (context) => [context.builder.emit('Div', [gradientOf(context), inputAt(context.node, 0)])],
});
