import { constantValue, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const liftConstants: Pass = {
  name: 'lift-constants',
  does: 'Turns `Constant` nodes into tensors.',
  needs: 'nothing',
  guarantees: 'constants are found in one place',
  run: lifted,
};

function lifted(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.filter((node) => {
    const tensor = node.op === 'Constant' && node.domain === '' ? constantValue(node) : undefined;
    const [output] = node.outputs;
    if (tensor === undefined || output === undefined) return true;
    tensors.set(output, tensor);
    return false;
  });
  return { ...graph, nodes, tensors };
}
