import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

export const cos: Operator = unary('Cos', 7, Math.cos, {
  gradient: slope(({ builder }, x) => builder.emit('Neg', [builder.emit('Sin', [x])])),
});
