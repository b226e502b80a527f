import type { Attributes, Graph, Node } from './graph.js';
import type { Tensor } from '../tensors/tensor.js';
import { prune } from './prune.js';
import { viewOf, type View } from './view.js';

/**
 * What a rule puts in the place of one node. The last value it must still produce is the output of the node it
 * replaces.
 */
export interface Replacement {
  readonly nodes: readonly Node[];
  readonly tensors?: ReadonlyMap<string, Tensor>;
}

/**
 * Looks at one node, the last of the pattern it knows, and answers with what computes the same outputs; undefined
 * leaves it.
 */
export type Rule = (node: Node, view: View) => Replacement | undefined;

/**
 * Apply a rule to every node once. Since a replacement keeps the name of the output, no consumer changes; what only the
 * replaced node read falls away.
 */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const view = viewOf(graph);
  const nodes: Node[] = [];
  let tensors: Map<string, Tensor> | undefined;
  let changed = false;
  for (const node of graph.nodes) {
    const replacement = rule(node, view);
    if (replacement === undefined) {
      nodes.push(node);
      continue;
    }
    changed = true;
    nodes.push(...replacement.nodes);
    if (replacement.tensors !== undefined) {
      tensors ??= new Map(graph.tensors);
      for (const [name, tensor] of replacement.tensors) tensors.set(name, tensor);
    }
  }
  return changed ? prune({ ...graph, nodes, tensors: tensors ?? graph.tensors }) : graph;
}

/** A node; standard domain unless said otherwise. */
export function makeNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
  { domain = '', name = outputs[0] ?? op }: { domain?: string; name?: string } = {},
): Node {
  return { op, domain, name, inputs, outputs, attributes };
}

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
