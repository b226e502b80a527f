import { stringAttribute, type Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { stridesOf } from './broadcast.js';
import { axisOf, need, needData, optionalData, shapeError, type Inputs, type Operator } from './operator.js';
import type { Value } from '../shapes/value.js';

/** Elements added in front of and behind each axis; negative ones are cut off. */
function padsOf(node: Node, inputs: Inputs): { before: number[]; after: number[] } {
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') throw shapeError(node, `mode ${mode}`, 'mode constant');
  const rank = need(node, inputs, 0).dims.length;
  const pads = needData(node, inputs, 1);
  const axes = optionalData(node, inputs, 3) ?? Float64Array.from({ length: pads.length / 2 }, (_, axis) => axis);
  if (pads.length !== 2 * axes.length)
    throw shapeError(node, `${pads.length} pads for ${axes.length} axes`, 'two for each axis');
  const [before, after] = [Array.from({ length: rank }, () => 0), Array.from({ length: rank }, () => 0)];
  axes.forEach((given, i) => {
    const axis = axisOf(node, given, rank);
    before[axis] = pads[i] as number;
    after[axis] = pads[i + axes.length] as number;
  });
  return { before, after };
}

export const pad: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const { before, after } = padsOf(node, inputs);
    return [
      { dtype, dims: dims.map((size, axis) => Math.max(0, size + (before[axis] as number) + (after[axis] as number))) },
    ];
  },
  compute(node, inputs, [y]) {
    const x = inputs[0] as Value;
    const { dims } = y as Value;
    const { before } = padsOf(node, inputs);
    const strides = stridesOf(x.dims);
    const sizes = stridesOf(dims);
    const fill = inputs[2]?.data?.[0] ?? 0;
    const result = new Float64Array(elementCount(dims));
    for (let at = 0; at < result.length; at++) {
      let source = 0;
      let inside = true;
      for (let axis = 0; axis < dims.length; axis++) {
        const position = (Math.floor(at / (sizes[axis] as number)) % (dims[axis] as number)) - (before[axis] as number);
        inside &&= position >= 0 && position < (x.dims[axis] as number);
        source += position * (strides[axis] as number);
      }
      result[at] = inside ? ((x.data as Float64Array)[source] as number) : fill;
    }
    return [result];
  },
};
