import { ints, intsAttribute, rewrite, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { composePermutations } from './support/permutations.js';

export const mergeTransposes: Pass = {
  name: 'merge-transposes',
  does: 'Makes two transposes in a row one.',
  needs: 'nothing',
  guarantees: 'fewer passes over the data',
  run: (graph) => merged(graph),
};

function merged(graph: Graph): Graph {
  return rewrite(graph, (node, builder, view) => {
    const before =
      node.op === 'Transpose' && node.domain === '' ? view.producedBy(node.inputs[0], 'Transpose') : undefined;
    const [inner, outer] = [before && intsAttribute(before, 'perm'), intsAttribute(node, 'perm')];
    const [source] = before?.inputs ?? [];
    const [output] = node.outputs;
    if (inner === undefined || outer === undefined || source === undefined || output === undefined) return false;
    const perm = ints(composePermutations(inner, outer));
    builder.emit('Transpose', [source], { perm }, { output, name: node.name });
    return true;
  });
}
