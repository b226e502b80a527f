import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

/** Its slope: −y². */
export const reciprocal: Operator = unary('Reciprocal', 13, (x) => 1 / x, {
  gradient: slope(({ builder }, _, y) => builder.emit('Neg', [builder.emit('Mul', [y, y])])),
});
