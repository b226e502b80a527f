import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { broadcasting, gradientOf } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';

export const sum: Operator = broadcasting('Sum', 13, (values) => values.reduce((sum, value) => sum + value, 0), {
  gradient: (context) =>
    context.node.inputs.map((_, i) =>
      context.wants(i) ? unbroadcast(context.builder, gradientOf(context), inputAt(context.node, i)) : undefined,
    ),
});
