import { int } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { inputAt, outputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { keepAxes, reduction, spread, sumOf } from './support/reduction.js';

/** In its gradient each of the n averaged entries gets dy / n; n is read off the shapes at run time. */
export const reduceMean: Operator = reduction('ReduceMean', (values) => sumOf(values) / values.length, {
  gradient(context) {
    const { node, builder } = context;
    const x = inputAt(node, 0);
    const count = builder.emit('Div', [
      builder.emit('Cast', [builder.emit('Size', [x])], { to: int(1) }),
      builder.emit('Cast', [builder.emit('Size', [outputAt(node, 0)])], { to: int(1) }),
    ]);
    return [spread(builder, keepAxes(context, builder.emit('Div', [gradientOf(context), count])), x)];
  },
});
