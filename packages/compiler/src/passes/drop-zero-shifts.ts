import { constantValue, usedValues, type Graph, type Node } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const dropZeroShifts: Pass = {
  name: 'drop-zero-shifts',
  does: 'Leaves out shifts of norms that are a `Constant` node of zeros.',
  needs: 'constants where the exporter put them',
  guarantees: 'a norm has a shift only where the model has a parameter for it',
  run: withoutZeroShifts,
};

/**
 * A norm without shift has one of zeros in exports before dynamo's, as a `Constant` among the nodes where parameters
 * are initializers. It is not a parameter of the model, so it must not become one.
 */
function withoutZeroShifts(graph: Graph): Graph {
  const zeros = new Set(graph.nodes.flatMap((node) => (isZeros(node) ? node.outputs : [])));
  if (zeros.size === 0) return graph;
  const nodes = graph.nodes.map((node) => {
    const shift = node.op === 'LayerNormalization' && node.domain === '' ? node.inputs[2] : undefined;
    return shift !== undefined && zeros.has(shift) ? { ...node, inputs: node.inputs.slice(0, 2) } : node;
  });
  const used = new Set([...nodes.flatMap((node) => [...usedValues(node)]), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, nodes: nodes.filter(({ outputs }) => !zeros.has(outputs[0] ?? '') || used.has(outputs[0] ?? '')) };
}

const isZeros = (node: Node): boolean =>
  node.op === 'Constant' && node.domain === '' && constantValue(node)?.bytes.every((byte) => byte === 0) === true;
