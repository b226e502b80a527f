import type { Operator } from './operator.js';
import { outputAt } from './support/arguments.js';
import { gradientOf, unary } from './support/elementwise.js';

/** Its slope: ½ / √x. */
export const sqrt: Operator = unary('Sqrt', 13, Math.sqrt, {
  gradient(context) {
    const { node, builder } = context;
    const half = builder.emit('Mul', [gradientOf(context), builder.scalar(0.5)]);
    return [builder.emit('Div', [half, outputAt(node, 0)])];
  },
});
