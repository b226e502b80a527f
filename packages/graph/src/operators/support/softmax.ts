import { intAttribute, int, type Node } from '../../ir/graph.js';
import { UnsupportedError } from '../../errors.js';
import { elementCount } from '../../tensors/elements.js';
import type { Evaluated } from '../../shapes/fact.js';
import type { AxisRule, UpgradeContext } from '../operator.js';
import { axisOf, outputAt } from './arguments.js';
import { firstAlong } from './elementwise.js';
import { stridesOf } from './strides.js';

export function softmaxInPlace(values: Float64Array): void {
  const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (const [i, value] of values.entries()) {
    const share = Math.exp(value - top);
    values[i] = share;
    total += share;
  }
  for (const [i, value] of values.entries()) values[i] = value / total;
}

/** Every line along the attribute `axis` changed in place by `f`. */
export function alongAxis(node: Node, { dims, data }: Evaluated, f: (line: Float64Array) => void): Float64Array {
  const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
  const [size, stride] = [dims[axis] ?? 1, stridesOf(dims)[axis] ?? 1];
  const result = new Float64Array(elementCount(dims));
  const line = new Float64Array(size);
  for (let start = 0; start < result.length; start++) {
    if (Math.floor(start / stride) % size !== 0) continue;
    for (let i = 0; i < size; i++) line[i] = data[start + i * stride] ?? Number.NaN;
    f(line);
    for (let i = 0; i < size; i++) result[start + i * stride] = line[i] ?? Number.NaN;
  }
  return result;
}

/** What normalizes the last axis treats the positions of every other one by itself. */
export const besidesLastAxis: AxisRule = ({ node, axis, dims }) => {
  const rank = dims(outputAt(node, 0))?.length;
  if (rank === undefined) return undefined;
  const normalized = intAttribute(node, 'axis', -1);
  return axis < rank - 1 && (normalized === -1 || normalized === rank - 1) ? firstAlong(node, axis) : undefined;
};

/**
 * Before opset 13, Softmax flattened everything from `axis` on (default 1); that is the same only for the last axis.
 *
 * @throws UnsupportedError OPSET_SOFTMAX for one over several axes, which has no per-axis equivalent.
 */
export function upgradeSoftmax(node: Node, { opset, rank }: UpgradeContext): Node {
  if (opset >= 13) return node;
  const axis = intAttribute(node, 'axis', 1);
  const dimensions = rank(node.inputs[0]);
  if (axis !== -1 && (dimensions === undefined || axis !== dimensions - 1)) {
    throw new UnsupportedError(`${node.op} "${node.name}" of an opset before 13 normalizes several axes at once`, {
      code: 'OPSET_SOFTMAX',
      found: `axis ${axis} of rank ${dimensions ?? 'unknown'}`,
      expected: 'the last axis',
      hint: 'Export the model again with opset 13 or later.',
    });
  }
  return { ...node, attributes: { ...node.attributes, axis: int(-1) } };
}
