import type { ParameterInfo } from '@hadamard-adapter/core';
import {
  int,
  type Graph,
  type Node,
  type Tensor,
  makeNode,
  int64Tensor,
  elementCount,
} from '@hadamard-adapter/graph/internal';

/** Name of the one input that carries every parameter. */
export const PARAMETERS_INPUT = 'parameters';
/** Name of the one output that carries the gradients. */
export const GRADIENTS_OUTPUT = 'gradients';

/**
 * Replace the inputs of single parameters by slices of one flat input `parameters` [n]: a few hundred small tensors
 * cost a runtime more than the arithmetic on them.
 *
 * @param order all parameters, in the order of the flat vector; those the graph does not read are skipped over.
 */
export function flattenParameters(graph: Graph, order: readonly ParameterInfo[]): Graph {
  const tensors = new Map<string, Tensor>(graph.tensors).set('parameters_axis', int64Tensor([0], [1]));
  const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const nodes: Node[] = [];
  let offset = 0;
  for (const { name, shape } of order) {
    const end = offset + elementCount(shape);
    if (used.has(name)) {
      const [from, to, dims] = [`${name}/from`, `${name}/to`, `${name}/shape`];
      tensors.set(from, int64Tensor([offset], [1])).set(to, int64Tensor([end], [1]));
      const slice = [PARAMETERS_INPUT, from, to, 'parameters_axis'];
      if (shape.length === 1) nodes.push(makeNode('Slice', slice, [name]));
      else {
        tensors.set(dims, int64Tensor(shape, [shape.length]));
        nodes.push(
          makeNode('Slice', slice, [`${name}/flat`]),
          makeNode('Reshape', [`${name}/flat`, dims], [name], { allowzero: int(0) }),
        );
      }
    }
    offset = end;
  }
  if (nodes.length === 0) return graph;
  const names = new Set(order.map(({ name }) => name));
  return {
    ...graph,
    inputs: [
      ...graph.inputs.filter(({ name }) => !names.has(name)),
      { name: PARAMETERS_INPUT, dtype: 'float32', dims: [offset] },
    ],
    nodes: [...nodes, ...graph.nodes],
    tensors,
  };
}
