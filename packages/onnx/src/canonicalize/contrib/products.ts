import { UnsupportedError } from '@hadamard-adapter/core';
import { floatAttribute, int, intAttribute, operatorName, stringAttribute, type Node } from '../../graph/graph.js';
import { quote } from '../../graph/quote.js';
import type { Expansion } from './expansion.js';

/** alpha · A·B with the last two axes of either swapped: `Gemm` for matrices, which is what a model has where weights are. */
export function expandFusedMatMul(node: Node, { emit, scalar, view }: Expansion): void {
  const [a, b] = node.inputs as [string, string];
  const [transA, transB, alpha] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0), floatAttribute(node, 'alpha', 1)];
  const matrix = view.constant(b)?.dims.length === 2;
  if (intAttribute(node, 'transBatchA', 0) !== 0 || intAttribute(node, 'transBatchB', 0) !== 0 || transA !== 0 || (transB !== 0 && !matrix)) {
    throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} transposes values of unknown rank`, {
      code: 'CONTRIB_FORM',
      found: `transA ${transA}, transB ${transB}`,
      expected: 'a product with at most a transposed weight',
      hint: 'Use the model as it was before ONNX Runtime optimized it.',
    });
  }
  const right = transB === 0 ? b : emit('Transpose', [b]);
  if (alpha === 1) emit('MatMul', [a, right], {}, node.outputs[0]);
  else emit('Mul', [emit('MatMul', [a, right]), scalar(alpha)], {}, node.outputs[0]);
}

/** Gemm with an activation behind it. */
export function expandFusedGemm(node: Node, { emit }: Expansion): void {
  const activation = stringAttribute(node, 'activation', '');
  if (!['Relu', 'Tanh', 'Sigmoid'].includes(activation)) {
    throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} has an activation that is not known`, { code: 'CONTRIB_FORM', found: quote(activation), expected: 'Relu, Tanh or Sigmoid' });
  }
  const gemm = emit('Gemm', node.inputs, {
    transA: int(intAttribute(node, 'transA', 0)),
    transB: int(intAttribute(node, 'transB', 0)),
    alpha: { type: 'float', value: floatAttribute(node, 'alpha', 1) },
    beta: { type: 'float', value: floatAttribute(node, 'beta', 1) },
  });
  emit(activation, [gemm], {}, node.outputs[0]);
}
