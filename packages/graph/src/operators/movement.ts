import { FormatError, UnsupportedError } from '../errors.js';
import { intAttribute, intsAttribute, type Node } from '../ir/graph.js';
import { constantValue } from '../ir/constant-node.js';
import { elementCount, toNumbers } from '../tensors/elements.js';
import { broadcastDims, broadcastIndex, stridedIndex, stridesOf } from './broadcast.js';
import { pad } from './pad.js';
import { axisOf, need, needData, optionalData, shapeError, type Inputs, type Operator } from './operator.js';
import { valueOfTensor, type Value } from '../shapes/value.js';

const dataOf = (value: Value | undefined): Float64Array => value?.data as Float64Array;
const pickAll = (data: Float64Array, index: Int32Array): Float64Array =>
  Float64Array.from(index, (at) => data[at] as number);
/** The data as it is, under another shape. */
const unchanged: NonNullable<Operator['compute']> = (_, [x]) => [dataOf(x)];

function axesOf(node: Node, inputs: Inputs, rank: number): number[] | undefined {
  const axes = inputs[1] === undefined ? intsAttribute(node, 'axes') : [...needData(node, inputs, 1)];
  return axes?.map((axis) => axisOf(node, axis, rank));
}

const reshape: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const keepZero = intAttribute(node, 'allowzero', 0) === 0;
    const target = Array.from(needData(node, inputs, 1), (size, axis) =>
      size === 0 && keepZero ? (dims[axis] ?? 0) : size,
    );
    const total = elementCount(dims);
    const known = target.reduce((product, size) => (size === -1 ? product : product * size), 1);
    const result = target.map((size) => (size === -1 ? total / known : size));
    if (elementCount(result.map((size) => (Number.isInteger(size) ? size : 0))) !== total) {
      throw shapeError(node, `[${dims.join(', ')}] to [${target.join(', ')}]`, `${total} elements`);
    }
    return [{ dtype, dims: result }];
  },
  compute: unchanged,
};

const squeeze: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axes = axesOf(node, inputs, dims.length) ?? dims.flatMap((size, axis) => (size === 1 ? [axis] : []));
    return [{ dtype, dims: dims.filter((_, axis) => !axes.includes(axis)) }];
  },
  compute: unchanged,
};

const unsqueeze: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const count =
      inputs[1] === undefined ? (intsAttribute(node, 'axes')?.length ?? 0) : needData(node, inputs, 1).length;
    const axes = new Set(axesOf(node, inputs, dims.length + count));
    const rest = dims.values();
    return [
      {
        dtype,
        dims: Array.from({ length: dims.length + count }, (_, axis) =>
          axes.has(axis) ? 1 : (rest.next().value as number),
        ),
      },
    ];
  },
  compute: unchanged,
};

const flatten: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = intAttribute(node, 'axis', 1);
    const at = axis < 0 ? axis + dims.length : axis;
    return [{ dtype, dims: [elementCount(dims.slice(0, at)), elementCount(dims.slice(at))] }];
  },
  compute: unchanged,
};

/** The order of axes of a Transpose. */
export const permutationOf = (node: Node, rank: number): readonly number[] =>
  intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);

const transpose: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const permutation = permutationOf(node, dims.length);
    if (permutation.length !== dims.length)
      throw shapeError(node, `${dims.length} dimensions`, `${permutation.length}`);
    return [{ dtype, dims: permutation.map((axis) => dims[axis] as number) }];
  },
  compute(node, [x], [y]) {
    const strides = stridesOf((x as Value).dims);
    const permutation = permutationOf(node, strides.length);
    return [
      pickAll(
        dataOf(x),
        stridedIndex(
          (y as Value).dims,
          permutation.map((axis) => strides[axis] as number),
          0,
        ),
      ),
    ];
  },
};

const expand: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    return [{ dtype, dims: broadcastDims(node, [dims, [...needData(node, inputs, 1)]]) }];
  },
  compute: (_, [x], [y]) => [pickAll(dataOf(x), broadcastIndex((x as Value).dims, (y as Value).dims))],
};

const tile: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const repeats = needData(node, inputs, 1);
    return [{ dtype, dims: dims.map((size, axis) => size * (repeats[axis] ?? 1)) }];
  },
  compute(_, [x], [y]) {
    const { dims } = x as Value;
    const strides = stridesOf(dims);
    const walk = stridedIndex((y as Value).dims, stridesOf((y as Value).dims), 0);
    const own = stridesOf((y as Value).dims);
    return [
      Float64Array.from(walk, (flat) => {
        const at = dims.reduce(
          (sum, size, axis) =>
            sum +
            ((Math.floor(flat / (own[axis] as number)) % ((y as Value).dims[axis] as number)) % size) *
              (strides[axis] as number),
          0,
        );
        return dataOf(x)[at] as number;
      }),
    ];
  },
};

const concat: Operator = {
  shape(node, inputs) {
    const first = need(node, inputs, 0);
    if (first.dims.length === 0) throw shapeError(node, 'numbers without an axis', 'at least one dimension');
    const axis = axisOf(node, intAttribute(node, 'axis', 0), first.dims.length);
    const total = inputs.reduce((sum, value) => sum + (value?.dims[axis] ?? 0), 0);
    for (const value of inputs) {
      const fits =
        value?.dims.length === first.dims.length && value.dims.every((size, i) => i === axis || size === first.dims[i]);
      if (!fits)
        throw shapeError(
          node,
          `[${value?.dims.join(', ')}] beside [${first.dims.join(', ')}]`,
          `shapes that differ in axis ${axis} alone`,
        );
    }
    return [{ dtype: first.dtype, dims: first.dims.map((size, i) => (i === axis ? total : size)) }];
  },
  compute(node, inputs, [y]) {
    const { dims } = y as Value;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const result = new Float64Array(elementCount(dims));
    const width = elementCount(dims.slice(axis));
    let start = 0;
    for (const input of inputs) {
      const own = elementCount(input.dims.slice(axis));
      for (let row = 0; row * width < result.length; row++)
        result.set(dataOf(input).subarray(row * own, (row + 1) * own), row * width + start);
      start += own;
    }
    return [result];
  },
};

const split: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const count = node.outputs.length;
    const even = Math.ceil((dims[axis] as number) / count);
    const sizes =
      optionalData(node, inputs, 1) ??
      intsAttribute(node, 'split') ??
      Array.from({ length: count }, (_, i) => (i < count - 1 ? even : (dims[axis] as number) - even * (count - 1)));
    return Array.from(sizes, (size) => ({ dtype, dims: dims.map((own, i) => (i === axis ? size : own)) }));
  },
  compute(node, [x], outputs) {
    const { dims } = x as Value;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const strides = stridesOf(dims);
    let start = 0;
    return outputs.map((output) => {
      const index = stridedIndex(output.dims, strides, start * (strides[axis] as number));
      start += output.dims[axis] as number;
      return pickAll(dataOf(x), index);
    });
  },
};

export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Ranges of a Slice, with ends clamped as the specification says. */
export function sliceRanges(node: Node, inputs: Inputs): SliceRange[] {
  const { dims } = need(node, inputs, 0);
  const [starts, ends] = [needData(node, inputs, 1), needData(node, inputs, 2)];
  const axes = optionalData(node, inputs, 3) ?? starts.map((_, i) => i);
  const steps = optionalData(node, inputs, 4);
  return Array.from(axes, (given, i) => {
    const axis = axisOf(node, given, dims.length);
    const size = dims[axis] as number;
    const step = steps?.[i] ?? 1;
    if (step === 0) throw shapeError(node, 'a step of 0', 'another step');
    const clamp = (value: number, low: number, high: number): number =>
      Math.min(Math.max(value < 0 ? value + size : value, low), high);
    const start = step > 0 ? clamp(starts[i] as number, 0, size) : clamp(starts[i] as number, 0, size - 1);
    const end = step > 0 ? clamp(ends[i] as number, 0, size) : clamp(ends[i] as number, -1, size - 1);
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

const slice: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const sizes = [...dims];
    for (const { axis, count } of sliceRanges(node, inputs)) sizes[axis] = count;
    return [{ dtype, dims: sizes }];
  },
  compute(node, inputs, [y]) {
    const x = inputs[0] as Value;
    const strides = stridesOf(x.dims);
    let offset = 0;
    for (const { axis, start, step } of sliceRanges(node, inputs)) {
      offset += start * (strides[axis] as number);
      strides[axis] = (strides[axis] as number) * step;
    }
    return [pickAll(dataOf(x), stridedIndex((y as Value).dims, strides, offset))];
  },
};

/** Answers from the shape alone, so it is known even when the data is not. */
const shape: Operator = {
  shape(node, inputs) {
    const { dims } = need(node, inputs, 0);
    const from = intAttribute(node, 'start', 0);
    const to = intAttribute(node, 'end', dims.length);
    const part = dims.slice(from, to);
    return [{ dtype: 'int64', dims: [part.length], data: Float64Array.from(part) }];
  },
};

const size: Operator = {
  shape: (node, inputs) => [
    { dtype: 'int64', dims: [], data: Float64Array.of(elementCount(need(node, inputs, 0).dims)) },
  ],
};

const constant: Operator = {
  shape(node) {
    const tensor = constantValue(node);
    if (tensor !== undefined) return [valueOfTensor(tensor)];
    throw new UnsupportedError(`Constant "${node.name}" holds no numbers`, {
      code: 'OPERATOR_CONSTANT',
      expected: 'a dense tensor',
    });
  },
};

const constantOfShape: Operator = {
  shape(node, inputs) {
    const value = node.attributes['value'];
    return [{ dtype: value?.type === 'tensor' ? value.value.dtype : 'float32', dims: [...needData(node, inputs, 0)] }];
  },
  compute(node, _, [y]) {
    const value = node.attributes['value'];
    return [
      new Float64Array(elementCount((y as Value).dims)).fill(
        value?.type === 'tensor' ? (toNumbers(value.value)[0] ?? 0) : 0,
      ),
    ];
  },
};

/** Longest range that is worth spelling out; a hostile limit must not fill the memory. */
const MAX_RANGE = 2 ** 24;

const range: Operator = {
  shape(node, inputs) {
    const [start, limit, delta] = [0, 1, 2].map((i) => needData(node, inputs, i)[0] ?? 0) as [number, number, number];
    const count = Math.max(Math.ceil((limit - start) / delta), 0);
    if (!(count <= MAX_RANGE))
      throw new FormatError(`Range "${node.name}" is too long`, { code: 'OPERATOR_RANGE', found: `${count} numbers` });
    return [{ dtype: need(node, inputs, 0).dtype, dims: [count] }];
  },
  compute(_, inputs, [y]) {
    const [start, , delta] = inputs.map((value) => value.data?.[0] ?? 0) as [number, number, number];
    return [Float64Array.from({ length: (y as Value).dims[0] as number }, (_unused, i) => start + i * delta)];
  },
};

export const MOVEMENT: Readonly<Record<string, Operator>> = {
  Concat: concat,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  Shape: shape,
  Size: size,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
