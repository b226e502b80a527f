import type { Builder } from '../../builder/builder.js';
import { intAttribute, intsAttribute, type Node } from '../../ir/graph.js';
import type { Inputs, Operator, RuleContext } from '../operator.js';
import { axisOf, need, needData, needValue, optionalInput } from './arguments.js';
import { onnx } from './elementwise.js';
import { stridedIndex, stridesOf } from './strides.js';
import { moveAxesToInput } from './upgrade.js';

/** The reduced axes, from the input (opset 18) or the attribute (before); without either, all. */
export function reducedAxes(node: Node, inputs: Inputs, rank: number): Set<number> {
  const axes = inputs[1] === undefined ? intsAttribute(node, 'axes') : [...needData(node, inputs, 1)];
  if (axes !== undefined && axes.length > 0) return new Set(axes.map((axis) => axisOf(node, axis, rank)));
  const none = intAttribute(node, 'noop_with_empty_axes', 0) === 1;
  return new Set(none ? [] : Array.from({ length: rank }, (_, axis) => axis));
}

/** A reduction of axes by `f`. Its axes were an attribute before opset `since`. */
export const reduction = (
  name: string,
  f: (values: Float64Array) => number,
  { since = 18, ...parts }: Pick<Operator, 'gradient' | 'isWorthKeeping'> & { readonly since?: number } = {},
): Operator => ({
  name,
  text: onnx(name, 18),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axes = reducedAxes(node, inputs, dims.length);
    const keep = intAttribute(node, 'keepdims', 1) === 1;
    return [{ dtype, dims: dims.flatMap((size, axis) => (axes.has(axis) ? (keep ? [1] : []) : [size])) }];
  },
  evaluate(node, inputs) {
    const { dims, data } = needValue(node, inputs, 0);
    const axes = reducedAxes(node, inputs, dims.length);
    const strides = stridesOf(dims);
    const offsets = (reduced: boolean): Int32Array => {
      const chosen = [...dims.keys()].filter((axis) => axes.has(axis) === reduced);
      return stridedIndex(
        chosen.map((axis) => dims[axis] ?? 1),
        chosen.map((axis) => strides[axis] ?? 0),
        0,
      );
    };
    const inner = offsets(true);
    const values = new Float64Array(inner.length);
    return [
      Float64Array.from(offsets(false), (start) => {
        for (const [i, offset] of inner.entries()) values[i] = data[start + offset] ?? Number.NaN;
        return f(values);
      }),
    ];
  },
  upgrade: moveAxesToInput(since),
  ...parts,
});

export const sumOf = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

export const largestOf = (values: Float64Array): number =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

/** The reduced value (or its gradient) with the reduced axes back as ones, so that it broadcasts against the input. */
export function keepAxes({ node, builder }: Pick<RuleContext, 'node' | 'builder'>, value: string): string {
  const axes = optionalInput(node, 1);
  if (intAttribute(node, 'keepdims', 1) === 1 || axes === undefined) return value;
  return builder.emit('Unsqueeze', [value, axes]);
}

/** `value` repeated to the shape of `like`. */
export function spread(builder: Builder, value: string, like: string): string {
  return builder.emit('Expand', [value, builder.emit('Shape', [like])]);
}
