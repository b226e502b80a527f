import { multiplyDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { binary, slopes } from './support/elementwise.js';

export const mul: Operator = binary('Mul', 14, (a, b) => a * b, {
  symbols: (a = 0, b = 0) => multiplyDims(a, b),
  gradient: slopes(
    ({ builder, node }, dy) => builder.emit('Mul', [dy, inputAt(node, 1)]),
    ({ builder, node }, dy) => builder.emit('Mul', [dy, inputAt(node, 0)]),
  ),
});
