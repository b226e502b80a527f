import { intAttribute } from '../ir/graph.js';
import { addDims, sameDim, type Dim } from '../shapes/dim.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needValue, outputAt, shapeError, shapeText } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { axisSize } from './support/placing.js';

/** In its gradient each operand gets its stretch. */
export const concat: Operator = {
  name: 'Concat',
  text: onnx('Concat', 13),
  infer(node, inputs) {
    const first = need(node, inputs, 0);
    if (first.dims.length === 0) throw shapeError(node, 'numbers without an axis', 'at least one dimension');
    const axis = axisOf(node, intAttribute(node, 'axis', 0), first.dims.length);
    let total: Dim = 0;
    for (const [i] of inputs.entries()) {
      const { dims } = need(node, inputs, i);
      const differs = (size: Dim, at: number): boolean =>
        at !== axis && typeof size === 'number' && typeof first.dims[at] === 'number' && !sameDim(size, first.dims[at]);
      if (dims.length !== first.dims.length || dims.some(differs))
        throw shapeError(
          node,
          `${shapeText(dims)} beside ${shapeText(first.dims)}`,
          `shapes that differ in axis ${axis} alone`,
        );
      total = addDims(total, dims[axis] ?? 0);
    }
    return [{ dtype: first.dtype, dims: first.dims.map((size, at) => (at === axis ? total : size)) }];
  },
  evaluate(node, inputs, [y]) {
    const dims = y?.dims ?? [];
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const result = new Float64Array(elementCount(dims));
    const width = elementCount(dims.slice(axis));
    let start = 0;
    for (const [i] of inputs.entries()) {
      const input = needValue(node, inputs, i);
      const own = elementCount(input.dims.slice(axis));
      for (let row = 0; row * width < result.length; row++)
        result.set(input.data.subarray(row * own, (row + 1) * own), row * width + start);
      start += own;
    }
    return [result];
  },
  symbols: 'moves all',
  gradient(context) {
    const { node, builder } = context;
    const rank = builder.dims(outputAt(node, 0)).length;
    const axis = (intAttribute(node, 'axis', 0) + rank) % rank;
    let start = builder.ints([0]);
    return node.inputs.map((_, i) => {
      const end = builder.emit('Add', [start, axisSize(builder, inputAt(node, i), axis)]);
      const gradient = context.wants(i)
        ? builder.emit('Slice', [gradientOf(context), start, end, builder.ints([axis])])
        : undefined;
      start = end;
      return gradient;
    });
  },
};
