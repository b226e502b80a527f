import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

/** log(1 + eˣ); its slope is σ. */
export const softplus: Operator = unary('Softplus', 1, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), {
  gradient: slope(({ builder }, x) => builder.emit('Sigmoid', [x])),
});
