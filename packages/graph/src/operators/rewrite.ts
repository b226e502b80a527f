import type { Builder } from '../builder/builder.js';
import type { Graph, Node } from '../ir/graph.js';
import { viewOf, type View } from '../ir/view.js';
import { builderOn } from './infer.js';

/**
 * Looks at one node, the last of the pattern it knows, and emits what computes the same outputs; false leaves the node.
 */
export type Rule = (node: Node, builder: Builder, view: View) => boolean;

/**
 * Apply a rule to every node once. Since what it emits has the outputs of the node, no consumer changes; what only the
 * replaced node read falls away.
 */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const view = viewOf(graph);
  const builder = builderOn(graph, { from: 'nothing' });
  let changed = false;
  for (const node of graph.nodes) {
    if (rule(node, builder, view)) changed = true;
    else builder.keep(node);
  }
  return changed ? builder.rebuilt() : graph;
}
