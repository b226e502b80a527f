import { multiplyDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { gradientOf, unary } from './support/elementwise.js';

export const neg: Operator = unary('Neg', 13, (x) => -x, {
  symbols: (element = 0) => multiplyDims(element, -1),
  gradient: (context) => [context.builder.emit('Neg', [gradientOf(context)])],
});
