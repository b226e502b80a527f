import { intAttribute, type Node } from '../ir/graph.js';
import type { Dim } from '../shapes/dim.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, need, needValue, shapeError, shapeText } from './support/arguments.js';
import { onnx } from './support/elementwise.js';

/**
 * For every element of a quantized tensor, the index of its scale: one scale for all, or one per index of `axis`.
 *
 * @throws FormatError OPERATOR_SHAPE when there are neither one nor as many scales as the axis is long.
 */
function scaleIndex(node: Node, dims: readonly Dim[], scaleDims: readonly Dim[]): (element: number) => number {
  const [scales, ...more] = scaleDims;
  if (scales === undefined || (more.length === 0 && scales === 1)) return () => 0;
  const axis = axisOf(node, intAttribute(node, 'axis', 1), dims.length);
  const size = dims[axis];
  const inner = dims.slice(axis + 1);
  if (more.length > 0 || scales !== size || typeof size !== 'number')
    throw shapeError(
      node,
      `scales of shape ${shapeText(scaleDims)}`,
      `one scale, or ${shapeText([size ?? 1])} of them along axis ${axis}`,
    );
  const width = elementCount(inner.map((dim) => (typeof dim === 'number' ? dim : 1)));
  return (element) => Math.floor(element / width) % size;
}

/** y = (x − zero point) · scale; the type of the scale is that of the result. */
export const dequantizeLinear: Operator = {
  name: 'DequantizeLinear',
  text: onnx('DequantizeLinear', 13),
  infer(node, inputs) {
    const [{ dims }, scale] = [need(node, inputs, 0), need(node, inputs, 1)];
    scaleIndex(node, dims, scale.dims);
    return [{ dtype: scale.dtype, dims }];
  },
  evaluate(node, inputs) {
    const [{ dims, data }, scale] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const zero = inputs[2];
    const indexOf = scaleIndex(node, dims, scale.dims);
    return [data.map((value, i) => (value - (zero?.data[indexOf(i)] ?? 0)) * (scale.data[indexOf(i)] ?? 1))];
  },
};
