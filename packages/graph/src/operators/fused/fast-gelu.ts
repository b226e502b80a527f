import { string } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { inputAt, optionalInput, outputAt } from '../support/arguments.js';
import { CONTRIB } from '../support/fused.js';

/** GELU in its tanh form, of x or x + bias. */
export const fastGelu: Operator = {
  name: 'com.microsoft:FastGelu',
  text: CONTRIB,
  expand(node, builder) {
    const [x, bias] = [inputAt(node, 0), optionalInput(node, 1)];
    const sum = bias === undefined ? x : builder.emit('Add', [x, bias]);
    builder.emit('Gelu', [sum], { approximate: string('tanh') }, { output: outputAt(node, 0) });
  },
};
