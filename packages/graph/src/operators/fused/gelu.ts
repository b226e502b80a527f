import { string } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { inputAt, outputAt } from '../support/arguments.js';
import { CONTRIB } from '../support/fused.js';

/** GELU in its erf form. */
export const fusedGelu: Operator = {
  name: 'com.microsoft:Gelu',
  text: CONTRIB,
  expand: (node, builder) =>
    void builder.emit('Gelu', [inputAt(node, 0)], { approximate: string('none') }, { output: outputAt(node, 0) }),
};
