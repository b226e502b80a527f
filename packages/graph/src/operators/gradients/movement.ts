import { UnsupportedError } from '../../errors.js';
import { int, intAttribute, ints, intsAttribute, string, stringAttribute } from '../../ir/graph.js';
import type { Builder } from '../../builder/builder.js';
import { unbroadcast } from './broadcast.js';
import type { GradientRule } from './rule.js';

/** Give `gradient` the shape of `like`. */
function reshapeLike(builder: Builder, gradient: string, like: string): string {
  return builder.emit('Reshape', [gradient, builder.emit('Shape', [like])]);
}

/** Reshape, Squeeze, Unsqueeze and Flatten only rename positions. */
export const reshape: GradientRule = ({ node, builder, upstream }) => [
  reshapeLike(builder, upstream[0] as string, node.inputs[0] as string),
];

export const transpose: GradientRule = ({ node, builder, upstream }) => {
  const rank = builder.dims(node.inputs[0] as string).length;
  const permutation = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return [builder.emit('Transpose', [upstream[0] as string], { perm: ints(inverse) })];
};

export const expand: GradientRule = ({ node, builder, upstream }) => [
  unbroadcast(builder, upstream[0] as string, node.inputs[0] as string),
];

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
    const gradient = wants(i)
      ? builder.emit('Slice', [upstream[0] as string, start, end, builder.ints([axis])])
      : undefined;
    start = end;
    return gradient;
  });
};

/** The parts side by side again, with zeros for those that nothing depends on. */
export const split: GradientRule = ({ node, builder, upstream }) => {
  const parts = node.outputs.map((output, i) => upstream[i] ?? zerosLike(builder, output));
  return [builder.emit('Concat', parts, { axis: int(intAttribute(node, 'axis', 0)) })];
};

/**
 * The gradient with zeros where the slice left something out, in steps of one; starts may be computed and count from
 * either end.
 */
export const slice: GradientRule = ({ node, builder, upstream }) => {
  const [x, starts, , axesInput, steps] = node.inputs as [
    string,
    string,
    string,
    string | undefined,
    string | undefined,
  ];
  const rank = builder.dims(x).length;
  const count = builder.dims(starts)[0]?.[0] ?? 1;
  const axes =
    axesInput === undefined || axesInput === ''
      ? Array.from({ length: count }, (_, axis) => axis)
      : [...(builder.constantData(axesInput) ?? [])];
  const step = steps === undefined || steps === '' ? [1] : [...(builder.constantData(steps) ?? [])];
  if (axes.length !== count || step.length === 0 || step.some((each) => each !== 1)) {
    throw new UnsupportedError(`Slice "${node.name}" cannot be differentiated`, {
      code: 'GRADIENT_SLICE',
      found: `axes ${axes.join(', ') || 'computed'}, steps ${step.join(', ') || 'computed'}`,
      expected: 'constant axes, steps of 1',
    });
  }
  const from = axes.map((axis) => (axis + rank) % rank);
  const before = builder.dims(x).map((_, axis) => {
    const i = from.indexOf(axis);
    return i === -1
      ? builder.ints([0])
      : firstIndex(builder, x, axis, count === 1 ? starts : element(builder, starts, i));
  });
  return [padded(builder, upstream[0] as string, x, before)];
};

/** Entry `i` of a vector, [1]. */
function element(builder: Builder, vector: string, i: number): string {
  const data = builder.constantData(vector);
  return data === undefined
    ? builder.emit('Slice', [vector, builder.ints([i]), builder.ints([i + 1]), builder.ints([0])])
    : builder.ints([data[i] as number]);
}

/** Where a slice of `axis` begins, counted from the front and inside the axis, [1]. */
export function firstIndex(builder: Builder, x: string, axis: number, start: string): string {
  const [known] = builder.constantData(start) ?? [];
  if (known !== undefined && known >= 0) return builder.ints([known]);
  const size = axisSize(builder, x, axis);
  const fromFront = builder.emit('Add', [start, size]);
  const counted =
    known === undefined
      ? builder.emit('Where', [builder.emit('Less', [start, builder.ints([0])]), fromFront, start])
      : fromFront;
  return builder.emit('Min', [builder.emit('Max', [counted, builder.ints([0])]), size]);
}

/** `gradient` with zeros around it to the shape of `like`; `before` has one start, [1], for each axis. */
export function padded(builder: Builder, gradient: string, like: string, before: readonly string[]): string {
  const first = before.length === 1 ? (before[0] as string) : builder.emit('Concat', before, { axis: int(0) });
  const missing = builder.emit('Sub', [builder.emit('Shape', [like]), builder.emit('Shape', [gradient])]);
  const pads = builder.emit('Concat', [first, builder.emit('Sub', [missing, first])], { axis: int(0) });
  return builder.emit('Pad', [gradient, pads, builder.scalar(0)], { mode: string('constant') });
}

export function zerosLike(builder: Builder, value: string): string {
  return builder.emit('Expand', [builder.scalar(0), builder.emit('Shape', [value])]);
}

/** Every copy counts: with the repeats as axes of their own, a sum over them. */
export const tile: GradientRule = ({ node, builder, upstream }) => {
  const [x, repeats] = node.inputs as [string, string];
  const rank = builder.dims(x).length;
  const column = (value: string): string => builder.emit('Reshape', [value, builder.ints([rank, 1])]);
  const apart = builder.emit('Reshape', [
    builder.emit('Concat', [column(repeats), column(builder.emit('Shape', [x]))], { axis: int(1) }),
    builder.ints([2 * rank]),
  ]);
  const copies = builder.ints(Array.from({ length: rank }, (_, axis) => 2 * axis));
  return [
    builder.emit('ReduceSum', [builder.emit('Reshape', [upstream[0] as string, apart]), copies], { keepdims: int(0) }),
  ];
};

/** What was added in front and behind is cut off again, and what was cut off comes back as zeros. */
export const pad: GradientRule = ({ node, builder, upstream }) => {
  const [, pads, , axes] = node.inputs as [string, string, string | undefined, string | undefined];
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode !== 'constant')
    throw new UnsupportedError(`Pad "${node.name}" cannot be differentiated`, {
      code: 'GRADIENT_PAD',
      found: `mode ${mode}`,
      expected: 'mode constant',
    });
  const back = [upstream[0] as string, builder.emit('Neg', [pads]), builder.scalar(0)];
  return [
    builder.emit('Pad', axes === undefined || axes === '' ? back : [...back, axes], { mode: string('constant') }),
  ];
};
