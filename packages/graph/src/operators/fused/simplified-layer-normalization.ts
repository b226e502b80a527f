import type { Operator } from '../operator.js';
import { outputAt } from '../support/arguments.js';
import { CONTRIB, normAttributes } from '../support/fused.js';

/** The optimizer writes this one into the standard domain, where ONNX has no such operator. */
export const simplifiedLayerNormalization: Operator = {
  name: 'SimplifiedLayerNormalization',
  text: CONTRIB,
  expand: (node, builder) =>
    void builder.emit('RMSNormalization', node.inputs.slice(0, 2), normAttributes(node, 1e-5), {
      output: outputAt(node, 0),
    }),
};
