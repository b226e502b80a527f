import type { Graph, Node } from './graph.js';

const captured = new WeakMap<Graph, ReadonlySet<string>>();

/**
 * Values that a subgraph takes from the graphs around it: used by its nodes (or theirs), or returned as they are, and
 * not defined in it. Remembered by graph: graphs never change.
 */
export function capturedValues(graph: Graph): ReadonlySet<string> {
  const known = captured.get(graph);
  if (known !== undefined) return known;
  const defined = definedValues(graph);
  const free = new Set<string>();
  const use = (name: string): void => {
    if (!defined.has(name)) free.add(name);
  };
  for (const node of graph.nodes) usedValues(node).forEach(use);
  for (const output of graph.outputs) use(output.name);
  captured.set(graph, free);
  return free;
}

/**
 * Every value a node needs before it can run: its inputs, and what its subgraphs capture. Absent inputs are left out.
 */
export function usedValues(node: Node): ReadonlySet<string> {
  const used = new Set(node.inputs);
  for (const graph of subgraphs(node)) for (const name of capturedValues(graph)) used.add(name);
  used.delete('');
  return used;
}

/** Names that a graph itself gives a value: inputs, tensors, outputs of its nodes; not those of subgraphs. */
export function definedValues(graph: Graph): Set<string> {
  const defined = new Set<string>(graph.tensors.keys());
  for (const input of graph.inputs) defined.add(input.name);
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') defined.add(output);
  return defined;
}

/** The graphs among a node's attributes: the branches of `If`, the body of `Loop` or `Scan`. */
export function subgraphs(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of Object.values(node.attributes)) if (attribute.type === 'graph') graphs.push(attribute.value);
  return graphs;
}
