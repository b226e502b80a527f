import {
  int,
  ints,
  intsAttribute,
  type Graph,
  makeNode,
  rewrite,
  int64Tensor,
  dimsOf,
  isConstantDim,
  sameDim,
  type Dim,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/**
 * Exporters compute the target of every Reshape from `Shape`, `Gather` and `Concat`. At the probe sizes the result is
 * known, so the target becomes a constant: 0 where a dimension is kept in place, the number where it is constant, -1
 * for at most one other. What cannot be said that way stays as it is.
 */
export function constantReshapes(graph: Graph, shapes: Probe): Graph {
  return rewrite(graph, (node, view) => {
    // A constant target is left alone: a size that is the same at both probes may still follow the length below some
    // bound.
    if (node.op !== 'Reshape' || node.domain !== '' || view.constant(node.inputs[1]) !== undefined) return undefined;
    const [input, output] = [node.inputs[0] as string, node.outputs[0] as string];
    const target = reshapeTarget(dimsOf(shapes, input), dimsOf(shapes, output));
    if (target === undefined) return undefined;
    const name = `${output}_shape`;
    return {
      nodes: [makeNode('Reshape', [input, name], [output], { allowzero: int(0) }, { name: node.name })],
      tensors: new Map([[name, int64Tensor(target, [target.length])]]),
    };
  });
}

/** The constant target that turns `from` into `to` at every size, or undefined. */
export function reshapeTarget(from: readonly Dim[] | undefined, to: readonly Dim[] | undefined): number[] | undefined {
  if (from === undefined || to === undefined) return undefined;
  let inferred = false;
  const target: number[] = [];
  for (const [axis, dim] of to.entries()) {
    if (isConstantDim(dim)) target.push(dim[0]);
    else if (sameDim(from[axis], dim)) target.push(0);
    else if (inferred) return undefined;
    else {
      inferred = true;
      target.push(-1);
    }
  }
  // A constant 0 would be read as "keep".
  return target.some((size, axis) => size === 0 && isConstantDim(to[axis] as Dim)) ? undefined : target;
}

/**
 * The PyTorch 2 exporter transposes the last two axes of [b, h, s, d] through three dimensions: Reshape, Transpose(0,
 * 2, 1), Reshape. Recognised by the shapes, it becomes the one Transpose it means.
 */
export function directTransposes(graph: Graph, shapes: Probe): Graph {
  return rewrite(graph, (node, view) => {
    if (node.op !== 'Reshape' || node.domain !== '') return undefined;
    const transpose = view.producedBy(node.inputs[0], 'Transpose');
    if (transpose === undefined || !equalInts(intsAttribute(transpose, 'perm'), [0, 2, 1])) return undefined;
    const flatten = view.producedBy(transpose.inputs[0], 'Reshape');
    const source = flatten?.inputs[0];
    if (source === undefined) return undefined;
    const from = dimsOf(shapes, source);
    const to = dimsOf(shapes, node.outputs[0] as string);
    const flat = dimsOf(shapes, transpose.inputs[0] as string);
    if (from?.length !== 4 || to?.length !== 4 || flat?.length !== 3) return undefined;
    const swapped =
      sameDim(from[0], to[0]) && sameDim(from[1], to[1]) && sameDim(from[2], to[3]) && sameDim(from[3], to[2]);
    if (!swapped || !sameDim(flat[1], from[2]) || !sameDim(flat[2], from[3])) return undefined;
    return {
      nodes: [makeNode('Transpose', [source], node.outputs, { perm: ints([0, 1, 3, 2]) }, { name: node.name })],
    };
  });
}

/** Two transposes in a row are one, or none. */
export function mergeTransposes(graph: Graph): Graph {
  return rewrite(graph, (node, view) => {
    const before =
      node.op === 'Transpose' && node.domain === '' ? view.producedBy(node.inputs[0], 'Transpose') : undefined;
    const [inner, outer] = [before && intsAttribute(before, 'perm'), intsAttribute(node, 'perm')];
    if (before === undefined || inner === undefined || outer === undefined) return undefined;
    return {
      nodes: [
        makeNode(
          'Transpose',
          [before.inputs[0] as string],
          node.outputs,
          { perm: ints(composePermutations(inner, outer)) },
          { name: node.name },
        ),
      ],
    };
  });
}

/** The permutation that equals transposing by `inner` and then by `outer`. */
export function composePermutations(inner: readonly number[], outer: readonly number[]): number[] {
  return outer.map((axis) => inner[axis] as number);
}

export function equalInts(left: readonly number[] | undefined, right: readonly number[]): boolean {
  return left !== undefined && left.length === right.length && left.every((value, i) => value === right[i]);
}
