import { subtractDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { binary, slopes } from './support/elementwise.js';

export const sub: Operator = binary('Sub', 14, (a, b) => a - b, {
  symbols: (a = 0, b = 0) => subtractDims(a, b),
  gradient: slopes(
    (_, dy) => dy,
    ({ builder }, dy) => builder.emit('Neg', [dy]),
  ),
});
