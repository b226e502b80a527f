import { UnsupportedError } from '../errors.js';
import type { Node } from '../ir/graph.js';
import {
  addDims,
  floorQuotient,
  isAtLeast,
  largestOf,
  smallestOf,
  subtractDims,
  unknownDim,
  type Dim,
} from '../shapes/dim.js';
import type { Inputs, Operator } from './operator.js';
import {
  axisOf,
  inputAt,
  need,
  needData,
  needElements,
  needValue,
  optionalData,
  optionalInput,
  shapeError,
} from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { pickAll, stridedIndex, stridesOf } from './support/strides.js';
import { firstIndex, padded } from './support/placing.js';
import type { Builder } from '../builder/builder.js';

export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Ranges of a Slice of known size, with ends clamped as the specification says. */
export function sliceRanges(node: Node, inputs: Inputs): SliceRange[] {
  const { dims } = need(node, inputs, 0);
  const [starts, ends] = [needData(node, inputs, 1), needData(node, inputs, 2)];
  return axesAndSteps(node, inputs, dims.length).map(({ axis, step }, i) => {
    const size = dims[axis];
    if (typeof size !== 'number') throw shapeError(node, 'a size that is not known yet', 'a number');
    return { axis, step, ...clampedRange(size, starts[i] ?? 0, ends[i] ?? 0, step) };
  });
}

function clampedRange(size: number, from: number, to: number, step: number): { start: number; count: number } {
  const clamp = (value: number, low: number, high: number): number =>
    Math.min(Math.max(value < 0 ? value + size : value, low), high);
  const start = step > 0 ? clamp(from, 0, size) : clamp(from, 0, size - 1);
  const end = step > 0 ? clamp(to, 0, size) : clamp(to, -1, size - 1);
  return { start, count: Math.max(0, Math.ceil((end - start) / step)) };
}

function axesAndSteps(node: Node, inputs: Inputs, rank: number): { axis: number; step: number }[] {
  const count = need(node, inputs, 1).dims[0];
  const axes =
    optionalData(node, inputs, 3) ?? Array.from({ length: typeof count === 'number' ? count : 0 }, (_, i) => i);
  const steps = optionalData(node, inputs, 4);
  return Array.from(axes, (given, i) => {
    const step = steps?.[i] ?? 1;
    if (step === 0) throw shapeError(node, 'a step of 0', 'another step');
    return { axis: axisOf(node, given, rank), step };
  });
}

/** Bounds from here on mean "to the end", as the specification has it for sizes that are not known. */
const TO_THE_END = 2 ** 31 - 1;

/** The size of a range of an axis of `size`, bounds being numbers or lengths. */
function rangeSize(node: Node, size: Dim, start: Dim, end: Dim, step: number): Dim {
  const unknown = unknownDim(`a slice of ${node.outputs[0] ?? node.name}`);
  const fromFront = (bound: Dim): Dim | undefined => {
    if (typeof bound === 'number' && bound >= TO_THE_END) return size;
    if (isAtLeast(bound, 0)) return smallestOf(bound, size);
    return typeof bound === 'number' || isAtLeast(0, bound) ? largestOf(addDims(bound, size), 0) : undefined;
  };
  if (step < 0) return reversedSize(size, start, end, step) ?? unknown;
  const [from, to] = [fromFront(start), fromFront(end)];
  if (from === undefined || to === undefined) return unknown;
  const length = largestOf(subtractDims(to, from), 0);
  return step === 1 ? length : floorQuotient(addDims(length, step - 1), step);
}

/** Backwards only the whole of an axis is told, and what is known in numbers. */
function reversedSize(size: Dim, start: Dim, end: Dim, step: number): Dim | undefined {
  const whole =
    (start === -1 || isAtLeast(start, subtractDims(size, 1))) && typeof end === 'number' && end < -(2 ** 30);
  return whole ? floorQuotient(addDims(size, -step - 1), -step) : undefined;
}

/**
 * In its gradient there are zeros where the slice left something out; starts may be computed and count from either end.
 */
export const slice: Operator = {
  name: 'Slice',
  text: onnx('Slice', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const [starts, ends] = [needElements(node, inputs, 1), needElements(node, inputs, 2)];
    const sizes = [...dims];
    for (const [i, { axis, step }] of axesAndSteps(node, inputs, dims.length).entries()) {
      const [size = 0, start = 0, end = 0] = [dims[axis], starts[i], ends[i]];
      const isKnown = typeof size === 'number' && typeof start === 'number' && typeof end === 'number';
      sizes[axis] = isKnown ? clampedRange(size, start, end, step).count : rangeSize(node, size, start, end, step);
    }
    return [{ dtype, dims: sizes }];
  },
  evaluate(node, inputs, [y]) {
    const x = needValue(node, inputs, 0);
    const strides = stridesOf(x.dims);
    let offset = 0;
    for (const { axis, start, step } of sliceRanges(node, inputs)) {
      const stride = strides[axis] ?? 0;
      offset += start * stride;
      strides[axis] = stride * step;
    }
    return [pickAll(x.data, stridedIndex(y?.dims ?? [], strides, offset))];
  },
  symbols: 'moves',
  gradient(context) {
    const { node, builder } = context;
    const [x, starts] = [inputAt(node, 0), inputAt(node, 1)];
    const rank = builder.dims(x).length;
    const count = builder.dims(starts)[0] ?? 1;
    const constants = (input: number, otherwise: (_: unknown, i: number) => number): number[] => {
      const name = optionalInput(node, input);
      if (name !== undefined) return [...(builder.constantData(name) ?? [])];
      return Array.from({ length: typeof count === 'number' ? count : 0 }, otherwise);
    };
    const axes = constants(3, (_, i) => i);
    const steps = constants(4, () => 1);
    if (axes.length !== count || steps.length === 0 || steps.some((each) => each !== 1)) {
      throw new UnsupportedError(`Slice "${node.name}" cannot be differentiated`, {
        code: 'GRADIENT_SLICE',
        found: `axes ${axes.join(', ') || 'computed'}, steps ${steps.join(', ') || 'computed'}`,
        expected: 'constant axes, steps of 1',
      });
    }
    const from = axes.map((axis) => (axis + rank) % rank);
    const before = builder.dims(x).map((_, axis) => {
      const i = from.indexOf(axis);
      if (i === -1) return builder.ints([0]);
      return firstIndex(builder, x, axis, count === 1 ? starts : element(builder, starts, i));
    });
    return [padded(builder, gradientOf(context), x, before)];
  },
};

/** Entry `i` of a vector, [1]. */
function element(builder: Builder, vector: string, i: number): string {
  const known = builder.constantData(vector)?.[i];
  return known === undefined
    ? builder.emit('Slice', [vector, builder.ints([i]), builder.ints([i + 1]), builder.ints([0])])
    : builder.ints([known]);
}
