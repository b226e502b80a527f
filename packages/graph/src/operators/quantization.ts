import { intAttribute, type Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { axisOf, need, shapeError, type Operator } from './operator.js';
import { PRODUCTS } from './products.js';
import type { Value } from '../shapes/value.js';

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
  if (scaleDims.length !== 1 || scales !== size)
    throw shapeError(
      node,
      `scales of shape [${scaleDims.join(', ')}]`,
      `one scale, or ${size} of them along axis ${axis}`,
    );
  const inner = elementCount(dims.slice(axis + 1));
  return (element) => Math.floor(element / inner) % size;
}

/**
 * y = (x − zero point) · scale, https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html; the type of the scale is
 * that of the result.
 */
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
    return [
      (data as Float64Array).map(
        (value, i) => (value - (zero?.data?.[indexOf(i)] ?? 0)) * (scales[indexOf(i)] as number),
      ),
    ];
  },
};

/**
 * y = saturate(round(x / scale) + zero point) as uint8, with scale and zero point taken from the range of x, 0
 * included; https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html. Halves round to even.
 */
const dynamicQuantizeLinear: Operator = {
  shape(node, inputs) {
    const { dims } = need(node, inputs, 0);
    return [
      { dtype: 'uint8', dims },
      { dtype: 'float32', dims: [] },
      { dtype: 'uint8', dims: [] },
    ];
  },
  compute(_, [x]) {
    const { quantized, scale, zero } = quantizeDynamically((x as Value).data as Float64Array);
    return [quantized, Float64Array.of(scale), Float64Array.of(zero)];
  },
};

const LEVELS = 255;
const clamp = (level: number): number => Math.min(Math.max(level, 0), LEVELS);

function quantizeDynamically(data: Float64Array): { quantized: Float64Array; scale: number; zero: number } {
  const [low, high] = data.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [0, 0]);
  const scale = (high - low) / LEVELS;
  const zero = scale === 0 ? 0 : clamp(roundToEven(-low / scale));
  return { quantized: data.map((value) => clamp((scale === 0 ? 0 : roundToEven(value / scale)) + zero)), scale, zero };
}

function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Product of integers less their zero points, int32; https://onnx.ai/onnx/operators/onnx__MatMulInteger.html. */
const matMulInteger: Operator = {
  shape(node, inputs) {
    return [{ ...((PRODUCTS['MatMul'] as Operator).shape(node, inputs.slice(0, 2))[0] as Value), dtype: 'int32' }];
  },
  compute(node, [a, b, aZero, bZero], outputs) {
    const operands = [centered(a as Value, aZero), centered(b as Value, bZero)];
    return (PRODUCTS['MatMul'] as Required<Operator>).compute(node, operands, outputs);
  },
};

/** x less its zero point: one number, or one per column. */
function centered(x: Value, zero: Value | undefined): Value {
  const [data, points] = [x.data as Float64Array, zero?.data];
  return points === undefined
    ? x
    : { ...x, data: data.map((value, i) => value - (points[i % points.length] as number)) };
}

/** x quantized dynamically, times a packed matrix [K, N], scaled back to float: see `fuseQuantizedLinears`. */
const quantizedLinear: Operator = {
  shape(node, inputs) {
    const [x, weight] = [need(node, inputs, 0), need(node, inputs, 1)];
    const [rows, columns] = weight.dims;
    if (weight.dims.length !== 2 || x.dims.at(-1) !== rows)
      throw shapeError(
        node,
        `[${x.dims.join(', ')}] · [${weight.dims.join(', ')}]`,
        'a last dimension that the weight takes',
      );
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, -1), columns as number] }];
  },
  compute(node, [x, weight, scale, zero, bias], outputs) {
    const { quantized, scale: step, zero: point } = quantizeDynamically((x as Value).data as Float64Array);
    const operands = [
      { ...(x as Value), data: quantized.map((level) => level - point) },
      centered(weight as Value, zero),
    ];
    const [product] = (PRODUCTS['MatMul'] as Required<Operator>).compute(node, operands, outputs);
    const [scales, shifts] = [(scale as Value).data as Float64Array, bias?.data];
    const columns = (weight as Value).dims[1] as number;
    return [
      (product as Float64Array).map(
        (sum, i) => sum * step * (scales[(i % columns) % scales.length] as number) + (shifts?.[i % columns] ?? 0),
      ),
    ];
  },
};

export const QUANTIZATION: Readonly<Record<string, Operator>> = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  'hadamard:QuantizedLinear': quantizedLinear,
};
