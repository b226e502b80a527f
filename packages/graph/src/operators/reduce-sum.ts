import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { keepAxes, reduction, spread, sumOf } from './support/reduction.js';

export const reduceSum: Operator = reduction('ReduceSum', sumOf, {
  since: 13,
  gradient: (context) => [spread(context.builder, keepAxes(context, gradientOf(context)), inputAt(context.node, 0))],
  isWorthKeeping: true,
});
