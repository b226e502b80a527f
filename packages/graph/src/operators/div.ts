import { floorQuotient } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { inputAt, outputAt } from './support/arguments.js';
import { binary, isInteger, slopes } from './support/elementwise.js';

/** Of integers it is cut off towards zero. d(a/b) = da/b − db·(a/b)/b. */
export const div: Operator = binary('Div', 14, (a, b, dtype) => (isInteger(dtype) ? Math.trunc(a / b) : a / b), {
  // Lengths are not negative.
  symbols: (a = 0, b = 1) => floorQuotient(a, b),
  gradient: slopes(
    ({ builder, node }, dy) => builder.emit('Div', [dy, inputAt(node, 1)]),
    ({ builder, node }, dy) => {
      const ratio = builder.emit('Div', [outputAt(node, 0), inputAt(node, 1)]);
      return builder.emit('Neg', [builder.emit('Mul', [dy, ratio])]);
    },
  ),
  isWorthKeeping: true,
});
