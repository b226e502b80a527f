import { factsOf, freshNames, operatorOf, type Graph, type Tensor } from '@hadamard-adapter/graph/internal';
import { TARGET_OPSET } from '../forms/opset.js';
import type { Pass } from './pass.js';

/**
 * Operators whose meaning did not change between opset 11 and 18 pass through
 * (https://onnx.ai/onnx/operators, "Versions").
 */
export const upgradeOperators: Pass = {
  name: 'upgrade-operators',
  does: 'Brings operators to their form in opset 18.',
  needs: 'ranks can be told: old Softmax needs one',
  guarantees: 'each operator has one form only',
  run: upgraded,
};

/** @throws UnsupportedError OPSET_SOFTMAX for an old Softmax over several axes, which has no per-axis equivalent. */
function upgraded(graph: Graph): Graph {
  const opset = graph.opsets.get('') ?? TARGET_OPSET;
  if (opset >= TARGET_OPSET) return graph;
  const tensors = new Map(graph.tensors);
  const fresh = freshNames(graph);
  const facts = factsOf(graph);
  const constant = (stem: string, tensor: Tensor): string => {
    const name = fresh(stem);
    tensors.set(name, tensor);
    return name;
  };
  const context = {
    opset,
    constant,
    rank: (value: string | undefined) => (value === undefined ? undefined : facts.dims(value)?.length),
  };
  const nodes = graph.nodes.map((node) =>
    node.domain === '' ? (operatorOf(node).upgrade?.(node, context) ?? node) : node,
  );
  return { ...graph, nodes, tensors, opsets: new Map(graph.opsets).set('', TARGET_OPSET) };
}
