import type { Operator } from '../operator.js';
import { inputAt, outputAt } from '../support/arguments.js';
import { addResidual, CONTRIB, normAttributes } from '../support/fused.js';

/** RMSNorm(x + skip + bias) · scale; the fourth output is the sum. */
export const skipSimplifiedLayerNormalization: Operator = {
  name: 'com.microsoft:SkipSimplifiedLayerNormalization',
  text: CONTRIB,
  expand(node, builder) {
    const sum = addResidual(builder, [inputAt(node, 0), inputAt(node, 1)], node.inputs[3], node.outputs[3]);
    builder.emit('RMSNormalization', [sum, inputAt(node, 2)], normAttributes(node), { output: outputAt(node, 0) });
  },
};
