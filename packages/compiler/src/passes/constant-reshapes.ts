import { factsOf, int, rewrite, sameDim, type Dim, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/**
 * Exporters compute the target of every Reshape from `Shape`, `Gather` and `Concat`. What it comes to is told by the
 * shapes: 0 where a dimension is kept in place, the number where it is constant, -1 for at most one other.
 */
export const constantReshapes: Pass = {
  name: 'constant-reshapes',
  does: 'Gives each Reshape a constant target, where one says the same at every size.',
  needs: 'shapes can be told',
  guarantees: 'a target that is still computed cannot be said as a constant',
  run: withConstantTargets,
};

function withConstantTargets(graph: Graph): Graph {
  const facts = factsOf(graph);
  return rewrite(graph, (node, builder, view) => {
    const [input, shape] = node.inputs;
    const [output] = node.outputs;
    // A constant target says what it says already.
    const isOpen = node.op === 'Reshape' && node.domain === '' && view.constant(shape) === undefined;
    if (!isOpen || input === undefined || output === undefined) return false;
    const target = reshapeTarget(facts.dims(input), facts.dims(output));
    if (target === undefined) return false;
    builder.emit('Reshape', [input, builder.ints(target)], { allowzero: int(0) }, { output, name: node.name });
    return true;
  });
}

/** The constant target that turns `from` into `to` at every size, or undefined. */
export function reshapeTarget(from: readonly Dim[] | undefined, to: readonly Dim[] | undefined): number[] | undefined {
  if (from === undefined || to === undefined) return undefined;
  let inferred = false;
  const target: number[] = [];
  for (const [axis, dim] of to.entries()) {
    // A constant 0 would be read as "keep".
    if (dim === 0) return undefined;
    if (typeof dim === 'number') target.push(dim);
    else if (sameDim(from[axis], dim)) target.push(0);
    else if (inferred) return undefined;
    else {
      inferred = true;
      target.push(-1);
    }
  }
  return target;
}
