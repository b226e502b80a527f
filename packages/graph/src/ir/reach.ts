import type { Node } from './graph.js';

/**
 * Values computed from `sources`, those included, not passing `without`. A shape tells nothing about the data, so the
 * way ends there.
 */
export function reach(nodes: readonly Node[], sources: ReadonlySet<string>, without?: string): Set<string> {
  const reached = new Set(sources);
  for (const { op, inputs, outputs } of nodes) {
    if (op === 'Shape' || op === 'Size' || outputs[0] === without || !inputs.some((input) => reached.has(input)))
      continue;
    for (const output of outputs) if (output !== '') reached.add(output);
  }
  return reached;
}
