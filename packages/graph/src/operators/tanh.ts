import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

/** Its slope: 1 − tanh². */
export const tanh: Operator = unary('Tanh', 13, Math.tanh, {
  gradient: slope(({ builder }, _, y) => builder.emit('Sub', [builder.scalar(1), builder.emit('Mul', [y, y])])),
  isWorthKeeping: true,
});
