import type { Operator } from '../operator.js';
import { inputAt, isPresent, outputAt } from '../support/arguments.js';
import { addResidual, CONTRIB, normAttributes } from '../support/fused.js';

/** LayerNorm(x + skip + bias) · scale + shift; the fourth output is the sum. */
export const skipLayerNormalization: Operator = {
  name: 'com.microsoft:SkipLayerNormalization',
  text: CONTRIB,
  expand(node, builder) {
    const [, , , shift, bias] = node.inputs;
    const sum = addResidual(builder, [inputAt(node, 0), inputAt(node, 1)], bias, node.outputs[3]);
    const inputs = [sum, inputAt(node, 2), ...(isPresent(shift) ? [shift] : [])];
    builder.emit('LayerNormalization', inputs, normAttributes(node), { output: outputAt(node, 0) });
  },
};
