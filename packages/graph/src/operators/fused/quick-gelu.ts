import { floatAttribute } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { inputAt, outputAt } from '../support/arguments.js';
import { CONTRIB } from '../support/fused.js';

/** x · σ(alpha · x) */
export const quickGelu: Operator = {
  name: 'com.microsoft:QuickGelu',
  text: CONTRIB,
  expand(node, builder) {
    const x = inputAt(node, 0);
    const scaled = builder.emit('Mul', [x, builder.scalar(floatAttribute(node, 'alpha', 1.702))]);
    builder.emit('Mul', [x, builder.emit('Sigmoid', [scaled])], {}, { output: outputAt(node, 0) });
  },
};
