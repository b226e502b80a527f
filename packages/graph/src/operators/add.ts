import { addDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { binary, slopes } from './support/elementwise.js';

export const add: Operator = binary('Add', 14, (a, b) => a + b, {
  symbols: (a = 0, b = 0) => addDims(a, b),
  gradient: slopes(
    (_, dy) => dy,
    (_, dy) => dy,
  ),
  isWorthKeeping: true,
});
