import { UnsupportedError } from '../errors.js';
import { string, stringAttribute, type Node } from '../ir/graph.js';
import { addDims, largestOf, type Dim } from '../shapes/dim.js';
import { elementCount } from '../tensors/elements.js';
import type { Inputs, Operator } from './operator.js';
import {
  axisOf,
  inputAt,
  need,
  needElements,
  needValue,
  optionalData,
  optionalInput,
  shapeError,
} from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';

/** Elements added in front of and behind each axis; negative ones are cut off. */
function padsOf(node: Node, inputs: Inputs): { before: Dim[]; after: Dim[] } {
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') throw shapeError(node, `mode ${mode}`, 'mode constant');
  const rank = need(node, inputs, 0).dims.length;
  const pads = needElements(node, inputs, 1);
  const axes = optionalData(node, inputs, 3) ?? Float64Array.from({ length: pads.length / 2 }, (_, axis) => axis);
  if (pads.length !== 2 * axes.length)
    throw shapeError(node, `${pads.length} pads for ${axes.length} axes`, 'two for each axis');
  const none = (): Dim[] => Array.from({ length: rank }, () => 0);
  const [before, after] = [none(), none()];
  for (const [i, given] of axes.entries()) {
    const axis = axisOf(node, given, rank);
    before[axis] = pads[i] ?? 0;
    after[axis] = pads[i + axes.length] ?? 0;
  }
  return { before, after };
}

/** In its gradient what was added in front and behind is cut off again, and what was cut off comes back as zeros. */
export const pad: Operator = {
  name: 'Pad',
  text: onnx('Pad', 18),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const { before, after } = padsOf(node, inputs);
    const grown = dims.map((size, axis) => addDims(size, addDims(before[axis] ?? 0, after[axis] ?? 0)));
    return [{ dtype, dims: grown.map((size) => largestOf(size, 0)) }];
  },
  evaluate(node, inputs, [y]) {
    const x = needValue(node, inputs, 0);
    const dims = y?.dims ?? [];
    const before = padsOf(node, inputs).before.map(Number);
    const [strides, sizes] = [stridesOf(x.dims), stridesOf(dims)];
    const fill = inputs[2]?.data[0] ?? 0;
    const result = new Float64Array(elementCount(dims));
    for (let at = 0; at < result.length; at++) {
      let source = 0;
      let inside = true;
      for (const [axis, size] of dims.entries()) {
        const position = (Math.floor(at / (sizes[axis] ?? 1)) % size) - (before[axis] ?? 0);
        inside &&= position >= 0 && position < (x.dims[axis] ?? 0);
        source += position * (strides[axis] ?? 0);
      }
      result[at] = inside ? (x.data[source] ?? fill) : fill;
    }
    return [result];
  },
  gradient(context) {
    const { node, builder } = context;
    const mode = stringAttribute(node, 'mode', 'constant');
    if (mode !== 'constant')
      throw new UnsupportedError(`Pad "${node.name}" cannot be differentiated`, {
        code: 'GRADIENT_PAD',
        found: `mode ${mode}`,
        expected: 'mode constant',
      });
    const axes = optionalInput(node, 3);
    const back = [gradientOf(context), builder.emit('Neg', [inputAt(node, 1)]), builder.scalar(0)];
    return [builder.emit('Pad', axes === undefined ? back : [...back, axes], { mode: string('constant') })];
  },
};
