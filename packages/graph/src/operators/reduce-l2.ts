import type { Operator } from './operator.js';
import { inputAt, outputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { keepAxes, reduction, sumOf } from './support/reduction.js';

/** dx = dy · x / ‖x‖ */
export const reduceL2: Operator = reduction('ReduceL2', (values) => Math.sqrt(sumOf(values.map((x) => x * x))), {
  gradient(context) {
    const { node, builder } = context;
    const ratio = builder.emit('Div', [gradientOf(context), outputAt(node, 0)]);
    return [builder.emit('Mul', [inputAt(node, 0), keepAxes(context, ratio)])];
  },
});
