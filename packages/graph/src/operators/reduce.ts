import { intAttribute, intsAttribute, type Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { stridedIndex, stridesOf } from './broadcast.js';
import { axisOf, need, needData, type Inputs, type Operator } from './operator.js';
import type { Value } from '../shapes/value.js';

/** The reduced axes, from the input (opset 18) or the attribute (before); without either, all. */
export function reducedAxes(node: Node, inputs: Inputs, rank: number): Set<number> {
  const axes = inputs[1] === undefined ? intsAttribute(node, 'axes') : [...needData(node, inputs, 1)];
  if (axes === undefined || axes.length === 0) {
    return intAttribute(node, 'noop_with_empty_axes', 0) === 1
      ? new Set()
      : new Set(Array.from({ length: rank }, (_, axis) => axis));
  }
  return new Set(axes.map((axis) => axisOf(node, axis, rank)));
}

const reduction = (f: (values: Float64Array) => number): Operator => ({
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axes = reducedAxes(node, inputs, dims.length);
    const keep = intAttribute(node, 'keepdims', 1) === 1;
    return [{ dtype, dims: dims.flatMap((size, axis) => (axes.has(axis) ? (keep ? [1] : []) : [size])) }];
  },
  compute(node, inputs) {
    const { dims, data } = inputs[0] as Value;
    const axes = reducedAxes(node, inputs, dims.length);
    const strides = stridesOf(dims);
    const pick = (reduced: boolean): [number[], number[]] => {
      const chosen = dims.map((_, axis) => axis).filter((axis) => axes.has(axis) === reduced);
      return [chosen.map((axis) => dims[axis] as number), chosen.map((axis) => strides[axis] as number)];
    };
    const inner = stridedIndex(...pick(true), 0);
    const values = new Float64Array(inner.length);
    return [
      Float64Array.from(stridedIndex(...pick(false), 0), (start) => {
        inner.forEach((offset, i) => {
          values[i] = (data as Float64Array)[start + offset] as number;
        });
        return f(values);
      }),
    ];
  },
});

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
const largest = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceL2: reduction((values) => Math.sqrt(sum(values.map((x) => x * x)))),
  ReduceLogSumExp: reduction((values) => {
    const top = largest(values);
    return top + Math.log(sum(values.map((x) => Math.exp(x - top))));
  }),
  ReduceMax: reduction(largest),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMin: reduction((values) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
  ReduceProd: reduction((values) => values.reduce((a, b) => a * b, 1)),
  ReduceSum: reduction(sum),
  ReduceSumSquare: reduction((values) => sum(values.map((x) => x * x))),
};

/** Sums along one axis, including the element itself unless `exclusive`. */
export const cumulativeSum: Operator = {
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  compute(node, inputs) {
    const { dims, data } = inputs[0] as Value;
    const axis = axisOf(node, needData(node, inputs, 1)[0] ?? 0, dims.length);
    const [size, stride] = [dims[axis] as number, stridesOf(dims)[axis] as number];
    const [exclusive, reverse] = [intAttribute(node, 'exclusive', 0) === 1, intAttribute(node, 'reverse', 0) === 1];
    const result = new Float64Array(elementCount(dims));
    for (let start = 0; start < result.length; start++) {
      if (Math.floor(start / stride) % size !== 0) continue;
      let total = 0;
      for (let k = 0; k < size; k++) {
        const at = start + (reverse ? size - 1 - k : k) * stride;
        const own = (data as Float64Array)[at] as number;
        result[at] = exclusive ? total : total + own;
        total += own;
      }
    }
    return [result];
  },
};
