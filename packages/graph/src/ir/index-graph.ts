import type { Graph, Node } from './graph.js';
import { usedValues } from './uses.js';

/** Who makes and who uses each value of one graph. */
export interface GraphIndex {
  /** Node that outputs a value; inputs and tensors have none. */
  readonly producer: ReadonlyMap<string, Node>;
  /** Nodes that use a value, in graph order and each once; a node also uses what its subgraphs capture. */
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
  /** Names of the graph outputs. */
  readonly outputs: ReadonlySet<string>;
}

/** Index of `graph` itself: the nodes inside subgraphs are not in it, only what they capture. */
export function indexGraph(graph: Graph): GraphIndex {
  const producer = new Map<string, Node>();
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') producer.set(output, node);
    for (const name of usedValues(node)) {
      const users = consumers.get(name);
      if (users === undefined) consumers.set(name, [node]);
      else users.push(node);
    }
  }
  return { producer, consumers, outputs: new Set(graph.outputs.map((output) => output.name)) };
}
