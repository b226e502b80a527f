import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

export const sin: Operator = unary('Sin', 7, Math.sin, {
  gradient: slope(({ builder }, x) => builder.emit('Cos', [x])),
});
