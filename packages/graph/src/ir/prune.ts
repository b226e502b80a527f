import type { Graph } from './graph.js';
import { indexGraph } from './index-graph.js';
import { usedValues } from './uses.js';

/**
 * `graph` without the nodes and tensors that no graph output needs, directly or through values that subgraphs capture.
 * Declared inputs stay, and so do the insides of subgraphs.
 */
export function prune(graph: Graph): Graph {
  const { producer, outputs } = indexGraph(graph);
  const needed = new Set(outputs);
  // A Set is walked in the order of insertion, so what is added on the way is visited too.
  for (const name of needed) {
    const node = producer.get(name);
    if (node !== undefined) for (const used of usedValues(node)) needed.add(used);
  }
  const nodes = graph.nodes.filter((node) => node.outputs.some((output) => needed.has(output)));
  const tensors = new Map([...graph.tensors].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, tensors };
}
