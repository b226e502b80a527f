import { renameUses, type Graph, type Node } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const dropIdentities: Pass = {
  name: 'drop-identities',
  does: 'Removes what does nothing at inference.',
  needs: 'nothing',
  guarantees: 'an `Identity` stands only in front of an output, and no `Dropout` anywhere else',
  run: withoutIdentities,
};

const doesNothing = ({ op, domain }: Node): boolean => domain === '' && (op === 'Identity' || op === 'Dropout');

function withoutIdentities(graph: Graph): Graph {
  const names = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.filter((node) => {
    const [input] = node.inputs;
    const [output] = node.outputs;
    // An output must keep its name, so the identity in front of it stays.
    if (!doesNothing(node) || input === undefined || output === undefined || outputs.has(output)) return true;
    names.set(output, input);
    return false;
  });
  return renameUses({ ...graph, nodes }, names);
}
