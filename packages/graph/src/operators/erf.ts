import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';
import { erf as errorFunction } from './support/erf.js';

/** Its slope: 2/√π · e^(−x²). */
export const erf: Operator = unary('Erf', 13, errorFunction, {
  gradient: slope(({ builder }, x) => {
    const bell = builder.emit('Exp', [builder.emit('Neg', [builder.emit('Mul', [x, x])])]);
    return builder.emit('Mul', [bell, builder.scalar(2 / Math.sqrt(Math.PI))]);
  }),
});
