import { intAttribute, type Node } from '../graph/graph.js';
import { elementCount } from '../graph/tensors.js';
import { axisOf, need, shapeError, type Operator } from './operator.js';
import type { Value } from './value.js';

/**
 * For every element of a quantized tensor, the index of its scale: one scale for all, or one per index of `axis`.
 *
 * @throws FormatError OPERATOR_SHAPE when there are neither one nor as many scales as the axis is long.
 */
function scaleIndex(node: Node, dims: readonly number[], scaleDims: readonly number[]): (element: number) => number {
  const scales = elementCount(scaleDims);
  if (scaleDims.length === 0 || (scaleDims.length === 1 && scales === 1)) return () => 0;
  const axis = axisOf(node, intAttribute(node, 'axis', 1), dims.length);
  const size = dims[axis] as number;
  if (scaleDims.length !== 1 || scales !== size) throw shapeError(node, `scales of shape [${scaleDims.join(', ')}]`, `one scale, or ${size} of them along axis ${axis}`);
  const inner = elementCount(dims.slice(axis + 1));
  return (element) => Math.floor(element / inner) % size;
}

/** y = (x − zero point) · scale, https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html; the type of the scale is that of the result. */
const dequantizeLinear: Operator = {
  shape(node, inputs) {
    const [{ dims }, scale] = [need(node, inputs, 0), need(node, inputs, 1)];
    scaleIndex(node, dims, scale.dims);
    return [{ dtype: scale.dtype, dims }];
  },
  compute(node, [x, scale, zero]) {
    const { dims, data } = x as Value;
    const indexOf = scaleIndex(node, dims, (scale as Value).dims);
    const scales = (scale as Value).data as Float64Array;
    return [(data as Float64Array).map((value, i) => (value - (zero?.data?.[indexOf(i)] ?? 0)) * (scales[indexOf(i)] as number))];
  },
};

export const QUANTIZATION: Readonly<Record<string, Operator>> = { DequantizeLinear: dequantizeLinear };
