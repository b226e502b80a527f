import { string } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { outputAt } from '../support/arguments.js';
import { CONTRIB } from '../support/fused.js';

/** GELU of x + bias. */
export const biasGelu: Operator = {
  name: 'com.microsoft:BiasGelu',
  text: CONTRIB,
  expand(node, builder) {
    const sum = builder.emit('Add', node.inputs);
    builder.emit('Gelu', [sum], { approximate: string('none') }, { output: outputAt(node, 0) });
  },
};
