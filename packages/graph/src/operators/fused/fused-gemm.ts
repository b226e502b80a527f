import { UnsupportedError } from '../../errors.js';
import { float, floatAttribute, int, intAttribute, operatorName, stringAttribute } from '../../ir/graph.js';
import { quote } from '../../ir/quote.js';
import type { Operator } from '../operator.js';
import { outputAt } from '../support/arguments.js';
import { CONTRIB } from '../support/fused.js';

/** Gemm with an activation behind it. */
export const fusedGemm: Operator = {
  name: 'com.microsoft:FusedGemm',
  text: CONTRIB,
  expand(node, builder) {
    const activation = stringAttribute(node, 'activation', '');
    if (!['Relu', 'Tanh', 'Sigmoid'].includes(activation)) {
      throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} has an activation that is not known`, {
        code: 'CONTRIB_FORM',
        found: quote(activation),
        expected: 'Relu, Tanh or Sigmoid',
      });
    }
    const gemm = builder.emit('Gemm', node.inputs, {
      transA: int(intAttribute(node, 'transA', 0)),
      transB: int(intAttribute(node, 'transB', 0)),
      alpha: float(floatAttribute(node, 'alpha', 1)),
      beta: float(floatAttribute(node, 'beta', 1)),
    });
    builder.emit(activation, [gemm], {}, { output: outputAt(node, 0) });
  },
};
