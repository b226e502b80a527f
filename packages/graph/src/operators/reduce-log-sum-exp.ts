import type { Operator } from './operator.js';
import { inputAt, outputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { keepAxes, largestOf, reduction, sumOf } from './support/reduction.js';

/** dx = dy · e^(x − y), the softmax. */
export const reduceLogSumExp: Operator = reduction('ReduceLogSumExp', logSumExp, {
  gradient(context) {
    const { node, builder } = context;
    const difference = builder.emit('Sub', [inputAt(node, 0), keepAxes(context, outputAt(node, 0))]);
    const weights = builder.emit('Exp', [difference]);
    return [builder.emit('Mul', [weights, keepAxes(context, gradientOf(context))])];
  },
});

function logSumExp(values: Float64Array): number {
  const top = largestOf(values);
  return top + Math.log(sumOf(values.map((x) => Math.exp(x - top))));
}
