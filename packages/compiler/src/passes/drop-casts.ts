import { factsOf, renameUses, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/** Exporters write one wherever Python says `.float()`. */
export const dropCasts: Pass = {
  name: 'drop-casts',
  does: 'Removes casts to the type that a value has already.',
  needs: 'types can be told',
  guarantees: 'every `Cast` changes a type, or stands in front of an output',
  run: withoutCasts,
};

function withoutCasts(graph: Graph): Graph {
  const names = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const facts = factsOf(graph);
  const nodes = graph.nodes.filter(({ op, domain, inputs: [input], outputs: [output] }) => {
    if (op !== 'Cast' || domain !== '' || input === undefined || output === undefined || outputs.has(output))
      return true;
    const [from, to] = [facts.of(input)?.dtype, facts.of(output)?.dtype];
    if (from === undefined || from !== to) return true;
    names.set(output, input);
    return false;
  });
  return renameUses({ ...graph, nodes }, names);
}
