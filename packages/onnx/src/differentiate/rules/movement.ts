import { UnsupportedError } from '@hadamard-adapter/core';
import { int, intAttribute, ints, intsAttribute, string } from '../../graph/graph.js';
import type { Builder } from '../../graph/builder.js';
import { unbroadcast } from '../broadcast.js';
import type { GradientRule } from '../rule.js';

/** Give `gradient` the shape of `like`. */
function reshapeLike(builder: Builder, gradient: string, like: string): string {
  return builder.emit('Reshape', [gradient, builder.emit('Shape', [like])]);
}

/** Reshape, Squeeze, Unsqueeze and Flatten only rename positions. */
export const reshape: GradientRule = ({ node, builder, upstream }) => [reshapeLike(builder, upstream[0] as string, node.inputs[0] as string)];

export const transpose: GradientRule = ({ node, builder, upstream }) => {
  const rank = builder.dims(node.inputs[0] as string).length;
  const permutation = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return [builder.emit('Transpose', [upstream[0] as string], { perm: ints(inverse) })];
};

export const expand: GradientRule = ({ node, builder, upstream }) => [unbroadcast(builder, upstream[0] as string, node.inputs[0] as string)];

/** The size of one axis, int64 [1]. */
function axisSize(builder: Builder, value: string, axis: number): string {
  return builder.emit('Shape', [value], { start: int(axis), end: int(axis + 1) });
}

/** Each operand gets its stretch of the gradient. */
export const concat: GradientRule = ({ node, builder, upstream, wants }) => {
  const rank = builder.dims(node.outputs[0] as string).length;
  const axis = (intAttribute(node, 'axis', 0) + rank) % rank;
  let start = builder.ints([0]);
  return node.inputs.map((input, i) => {
    const end = builder.emit('Add', [start, axisSize(builder, input, axis)]);
    const gradient = wants(i) ? builder.emit('Slice', [upstream[0] as string, start, end, builder.ints([axis])]) : undefined;
    start = end;
    return gradient;
  });
};

/** The gradient with zeros where the slice left something out: one axis, from a start that is not negative, in steps of one. */
export const slice: GradientRule = ({ node, builder, upstream }) => {
  const [x, start, , axes, steps] = node.inputs as [string, string, string, string | undefined, string | undefined];
  const rank = builder.dims(x).length;
  const [first, axis, step] = [constantOf(builder, start), constantOf(builder, axes), steps === undefined || steps === '' ? 1 : constantOf(builder, steps)];
  if (first === undefined || first < 0 || axis === undefined || step !== 1) {
    throw new UnsupportedError(`Slice "${node.name}" cannot be differentiated`, {
      code: 'GRADIENT_SLICE',
      found: `start ${first ?? 'computed'}, axis ${axis ?? 'several'}, step ${step ?? 'computed'}`,
      expected: 'one constant axis, a constant start from the front, step 1',
    });
  }
  const at = (axis + rank) % rank;
  const dy = upstream[0] as string;
  const after = builder.emit('Sub', [builder.emit('Sub', [axisSize(builder, x, at), axisSize(builder, dy, at)]), builder.ints([first])]);
  const zeros = (count: number): string[] => (count === 0 ? [] : [builder.ints(Array.from({ length: count }, () => 0))]);
  const pads = builder.emit('Concat', [...zeros(at), builder.ints([first]), ...zeros(rank - 1), after, ...zeros(rank - 1 - at)], { axis: int(0) });
  return [builder.emit('Pad', [dy, pads, builder.scalar(0)], { mode: string('constant') })];
};

function constantOf(builder: Builder, value: string | undefined): number | undefined {
  const data = value === undefined || value === '' ? undefined : builder.constantData(value);
  return data?.length === 1 ? data[0] : undefined;
}

/** Rows of an embedding table: the gradient of each row is the sum over the places that looked it up. */
export const gather: GradientRule = ({ node, builder, upstream, wants }) => {
  if (!wants(0)) return [undefined, undefined];
  const [table, indices] = node.inputs as [string, string];
  const dims = builder.dims(table);
  if (intAttribute(node, 'axis', 0) !== 0 || dims.length !== 2) {
    throw new UnsupportedError(`Gather "${node.name}" cannot be differentiated`, {
      code: 'GRADIENT_GATHER',
      found: `axis ${intAttribute(node, 'axis', 0)} of ${dims.length} dimensions`,
      expected: 'rows of a matrix',
    });
  }
  const width = dims[1]?.[0] as number;
  const zeros = builder.emit('Expand', [builder.scalar(0), builder.emit('Shape', [table])]);
  const rows = builder.emit('Reshape', [indices, builder.ints([-1, 1])]);
  const updates = builder.emit('Reshape', [upstream[0] as string, builder.ints([-1, width])]);
  return [builder.emit('ScatterND', [zeros, rows, updates], { reduction: string('add') }), undefined];
};
