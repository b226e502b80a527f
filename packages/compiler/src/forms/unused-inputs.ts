import type { Graph } from '@hadamard-adapter/graph/internal';

/** The graph without the inputs that nobody reads. */
export function withoutUnusedInputs(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, inputs: graph.inputs.filter(({ name }) => used.has(name)) };
}
