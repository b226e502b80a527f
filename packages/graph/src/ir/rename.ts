import type { Graph } from './graph.js';

/** The graph in which every reader of a key reads the value it maps to, graph outputs included. */
export function renameUses(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const resolve = (value: string): string => {
    let current = value;
    for (let next = names.get(current); next !== undefined; next = names.get(current)) current = next;
    return current;
  };
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      node.inputs.some((input) => names.has(input)) ? { ...node, inputs: node.inputs.map(resolve) } : node,
    ),
  };
}
