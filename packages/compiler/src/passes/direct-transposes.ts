import { factsOf, ints, intsAttribute, rewrite, sameDim, type Dim, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { equalInts } from './support/permutations.js';

export const directTransposes: Pass = {
  name: 'direct-transposes',
  does: 'Turns a transposition of [b, h, s, d] through three dimensions into the one Transpose it means.',
  needs: 'shapes can be told',
  guarantees: 'keys are transposed by one node',
  run: withDirectTransposes,
};

/** The PyTorch 2 exporter writes Reshape, Transpose(0, 2, 1), Reshape; it is recognised by the shapes. */
function withDirectTransposes(graph: Graph): Graph {
  const facts = factsOf(graph);
  return rewrite(graph, (node, builder, view) => {
    const transpose =
      node.op === 'Reshape' && node.domain === '' ? view.producedBy(node.inputs[0], 'Transpose') : undefined;
    const [flat] = transpose?.inputs ?? [];
    const [output] = node.outputs;
    const source = view.producedBy(flat, 'Reshape')?.inputs[0];
    if (transpose === undefined || flat === undefined || source === undefined || output === undefined) return false;
    if (!equalInts(intsAttribute(transpose, 'perm'), [0, 2, 1])) return false;
    if (!swapsLast(facts.dims(source), facts.dims(flat), facts.dims(output))) return false;
    builder.emit('Transpose', [source], { perm: ints([0, 1, 3, 2]) }, { output, name: node.name });
    return true;
  });
}

/** Whether `to` is `from` with the last two of four axes swapped, and `flat` the same with the first two as one. */
function swapsLast(
  from: readonly Dim[] | undefined,
  flat: readonly Dim[] | undefined,
  to: readonly Dim[] | undefined,
): boolean {
  if (from?.length !== 4 || to?.length !== 4 || flat?.length !== 3) return false;
  const isSwapped = [0, 1, 3, 2].every((axis, i) => sameDim(from[axis], to[i]));
  return isSwapped && sameDim(flat[1], from[2]) && sameDim(flat[2], from[3]);
}
