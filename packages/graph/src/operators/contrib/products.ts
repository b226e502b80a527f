import { UnsupportedError } from '../../errors.js';
import {
  floatAttribute,
  int,
  intAttribute,
  ints,
  operatorName,
  stringAttribute,
  type Graph,
  type Node,
} from '../../ir/graph.js';
import { freshNames } from '../../ir/names.js';
import { quote } from '../../ir/quote.js';
import { makeNode, rewrite } from '../../ir/rewrite.js';
import { float32Tensor } from '../../tensors/elements.js';
import { dimsOf, type Probe } from '../../reference/probe.js';
import type { Expansion } from './expansion.js';

/** Gemm with an activation behind it. */
export function expandFusedGemm(node: Node, { emit }: Expansion): void {
  const activation = stringAttribute(node, 'activation', '');
  if (!['Relu', 'Tanh', 'Sigmoid'].includes(activation)) {
    throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} has an activation that is not known`, {
      code: 'CONTRIB_FORM',
      found: quote(activation),
      expected: 'Relu, Tanh or Sigmoid',
    });
  }
  const gemm = emit('Gemm', node.inputs, {
    transA: int(intAttribute(node, 'transA', 0)),
    transB: int(intAttribute(node, 'transB', 0)),
    alpha: { type: 'float', value: floatAttribute(node, 'alpha', 1) },
    beta: { type: 'float', value: floatAttribute(node, 'beta', 1) },
  });
  emit(activation, [gemm], {}, node.outputs[0]);
}

/**
 * FusedMatMul, alpha · A·B with the last two axes of either swapped, as a product between transposes. Unlike the other
 * fused operators it needs to know how many axes there are, so it is written out when shapes are known.
 *
 * @throws UnsupportedError CONTRIB_FORM when it turns batch axes too.
 */
export function expandFusedMatMuls(graph: Graph, shapes: Probe): Graph {
  const fresh = freshNames(graph);
  return rewrite(graph, (node) => {
    if (operatorName(node) !== 'com.microsoft:FusedMatMul') return undefined;
    if (intAttribute(node, 'transBatchA', 0) !== 0 || intAttribute(node, 'transBatchB', 0) !== 0) {
      throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} is used in a way that is not known`, {
        code: 'CONTRIB_FORM',
        found: 'transposed batch axes',
        expected: 'transA, transB and alpha alone',
        hint: 'Use the model as it was before ONNX Runtime optimized it.',
      });
    }
    const nodes: Node[] = [];
    const operands = (['transA', 'transB'] as const).map((which, i) => {
      const value = node.inputs[i] as string;
      const axes = dimsOf(shapes, value)?.map((_, axis) => axis) ?? [];
      if (intAttribute(node, which, 0) === 0 || axes.length < 2) return value;
      const turned = fresh(`${value}/turned`);
      nodes.push(
        makeNode('Transpose', [value], [turned], {
          perm: ints([...axes.slice(0, -2), axes.length - 1, axes.length - 2]),
        }),
      );
      return turned;
    });
    const alpha = floatAttribute(node, 'alpha', 1);
    if (alpha === 1) return { nodes: [...nodes, makeNode('MatMul', operands, node.outputs, {}, { name: node.name })] };
    const [product, factor] = [fresh(`${node.outputs[0]}/product`), fresh('alpha')];
    nodes.push(
      makeNode('MatMul', operands, [product], {}, { name: node.name }),
      makeNode('Mul', [product, factor], node.outputs),
    );
    return { nodes, tensors: new Map([[factor, float32Tensor([alpha], [])]]) };
  });
}
