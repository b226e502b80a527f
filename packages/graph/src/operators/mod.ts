import { intAttribute } from '../ir/graph.js';
import { floorQuotient, multiplyDims, subtractDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { broadcasting } from './support/elementwise.js';

/** The remainder with the sign of the divisor, or with `fmod` that of the dividend, as in C. */
export const mod: Operator = broadcasting(
  'Mod',
  13,
  ([a = 0, b = 1], _, node) => (intAttribute(node, 'fmod', 0) === 1 ? a % b : a - b * Math.floor(a / b)),
  {
    least: 2,
    symbols: (a = 0, b = 1) => subtractDims(a, multiplyDims(b, floorQuotient(a, b))),
  },
);
