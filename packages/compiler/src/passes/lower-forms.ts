import { builderOn, operatorOf, viewOf, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/**
 * `Linear` as Gemm over all rows, `QuantizedLinear` as integers, `Attention` as two products around a softmax, `Gelu`
 * as Erf or Tanh, `RMSNormalization` as a mean and a root: what each becomes stands with the operator.
 */
export const lowerForms: Pass = {
  name: 'lower-forms',
  does: 'Writes the forms of the compiler as operators that every ONNX runtime has.',
  needs: 'shapes can be told',
  guarantees: 'operators are of opset 18, standard domain',
  run: lowered,
};

function lowered(graph: Graph): Graph {
  const builder = builderOn(graph, { from: 'nothing' });
  const view = viewOf(graph);
  for (const node of graph.nodes) {
    const { lower } = operatorOf(node);
    if (lower === undefined) builder.keep(node);
    else lower(node, builder, view);
  }
  return builder.finish(graph.outputs.map(({ name }) => name));
}
