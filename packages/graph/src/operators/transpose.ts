import { ints, intsAttribute, type Node } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { inputAt, need, needValue, shapeError } from './support/arguments.js';
import { firstAlong, gradientOf, onnx } from './support/elementwise.js';
import { pickAll, stridedIndex, stridesOf } from './support/strides.js';

/** The order of axes of a Transpose. */
export const permutationOf = (node: Node, rank: number): readonly number[] =>
  intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);

export const transpose: Operator = {
  name: 'Transpose',
  text: onnx('Transpose', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const permutation = permutationOf(node, dims.length);
    if (permutation.length !== dims.length)
      throw shapeError(node, `${dims.length} dimensions`, `${permutation.length}`);
    return [{ dtype, dims: permutation.map((axis) => dims[axis] ?? 1) }];
  },
  evaluate(node, inputs, [y]) {
    const { dims, data } = needValue(node, inputs, 0);
    const strides = stridesOf(dims);
    const turned = permutationOf(node, dims.length).map((axis) => strides[axis] ?? 0);
    return [pickAll(data, stridedIndex(y?.dims ?? [], turned, 0))];
  },
  symbols: 'moves',
  gradient(context) {
    const { node, builder } = context;
    const permutation = permutationOf(node, builder.dims(inputAt(node, 0)).length);
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [builder.emit('Transpose', [gradientOf(context)], { perm: ints(inverse) })];
  },
  axes({ node, axis }) {
    const source = intsAttribute(node, 'perm')?.[axis];
    return source === undefined ? undefined : firstAlong(node, source);
  },
  rearranges: true,
};
