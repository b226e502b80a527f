import { INTERNAL_DOMAIN, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/** Exporters lose the names of transposed matrices (`onnx::MatMul_484`, `val_80`) but keep those of biases. */
export const nameMatrices: Pass = {
  name: 'name-matrices',
  does: 'Calls a matrix `<module>.weight` whose bias is `<module>.bias` and whose own name says nothing.',
  needs: 'linear layers are one node each',
  guarantees: 'parameters and messages read as in Hugging Face',
  run: named,
};

function named(graph: Graph): Graph {
  const names = new Map<string, string>();
  for (const { op, domain, inputs } of graph.nodes) {
    const [, weight, bias] = inputs;
    if (op !== 'Linear' || domain !== INTERNAL_DOMAIN || weight === undefined || bias?.endsWith('.bias') !== true)
      continue;
    const name = `${bias.slice(0, -'.bias'.length)}.weight`;
    if (!weight.includes('.weight') && !graph.tensors.has(name)) names.set(weight, name);
  }
  if (names.size === 0) return graph;
  const nameOf = (name: string): string => names.get(name) ?? name;
  const nodes = graph.nodes.map((node) =>
    node.inputs.some((input) => names.has(input)) ? { ...node, inputs: node.inputs.map(nameOf) } : node,
  );
  return { ...graph, nodes, tensors: new Map([...graph.tensors].map(([name, tensor]) => [nameOf(name), tensor])) };
}
