import { indexGraph, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const dropUnusedOutputs: Pass = {
  name: 'drop-unused-outputs',
  does: 'Leaves out optional outputs that nobody reads: a runtime would compute and store them.',
  needs: 'nothing',
  guarantees: 'every output of a node is read, or is the first',
  run: withoutUnusedOutputs,
};

function withoutUnusedOutputs(graph: Graph): Graph {
  const { consumers, outputs } = indexGraph(graph);
  const nodes = graph.nodes.map((node) => {
    if (node.outputs.length === 1) return node;
    const used = node.outputs.map((output) => (consumers.has(output) || outputs.has(output) ? output : ''));
    while (used.at(-1) === '') used.pop();
    return { ...node, outputs: used };
  });
  return { ...graph, nodes };
}
