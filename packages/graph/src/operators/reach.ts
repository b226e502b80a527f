import type { Node } from '../ir/graph.js';
import { operatorOf } from './operators.js';

/**
 * Values computed from `sources`, those included, not passing `without`. A shape tells nothing about the data, so the
 * way ends there.
 */
export function reach(nodes: readonly Node[], sources: ReadonlySet<string>, without?: string): Set<string> {
  const reached = new Set(sources);
  for (const node of nodes) {
    const { inputs, outputs } = node;
    const ends = operatorOf(node).readsShapeOnly === true || outputs[0] === without;
    if (ends || !inputs.some((input) => reached.has(input))) continue;
    for (const output of outputs) if (output !== '') reached.add(output);
  }
  return reached;
}
