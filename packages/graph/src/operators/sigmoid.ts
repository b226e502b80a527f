import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

/** Its slope: σ · (1 − σ). */
export const sigmoid: Operator = unary(
  'Sigmoid',
  13,
  (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  {
    gradient: slope(({ builder }, _, y) => builder.emit('Mul', [y, builder.emit('Sub', [builder.scalar(1), y])])),
  },
);
