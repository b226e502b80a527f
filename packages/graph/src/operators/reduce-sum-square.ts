import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { keepAxes, reduction, sumOf } from './support/reduction.js';

/** dx = dy · 2x */
export const reduceSumSquare: Operator = reduction('ReduceSumSquare', (values) => sumOf(values.map((x) => x * x)), {
  gradient(context) {
    const { node, builder } = context;
    const twice = builder.emit('Mul', [inputAt(node, 0), builder.scalar(2)]);
    return [builder.emit('Mul', [twice, keepAxes(context, gradientOf(context))])];
  },
});
