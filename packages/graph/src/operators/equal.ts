import { isAtLeast, sameDim, unknownDim } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const equal: Operator = truth('Equal', 13, (a, b) => a === b, {
  symbols(a = 0, b = 0) {
    if (sameDim(a, b)) return 1;
    // A length is never -1, which exporters ask of shapes.
    const differ = isAtLeast(a, b) ? !isAtLeast(b, a) && typeof b === 'number' && b < 1 : false;
    return differ ? 0 : unknownDim(`whether two lengths are equal`);
  },
});
