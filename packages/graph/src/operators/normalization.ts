import { floatAttribute, intAttribute } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { stridesOf } from './broadcast.js';
import { axisOf, need, shapeError, type Operator } from './operator.js';
import { softmaxInPlace } from './products.js';
import type { Value } from '../shapes/value.js';

const layerNormalization: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    const statistics: Value = { dtype, dims: dims.map((size, i) => (i < axis ? size : 1)) };
    return [{ dtype, dims }, statistics, statistics].slice(0, Math.max(node.outputs.length, 1));
  },
  compute(node, [x, scale, shift], outputs) {
    const { dims, data } = x as Value;
    const width = elementCount(dims.slice(axisOf(node, intAttribute(node, 'axis', -1), dims.length)));
    const epsilon = floatAttribute(node, 'epsilon', 1e-5);
    const rows = elementCount(dims) / width;
    const [y, mean, inverse] = [new Float64Array(rows * width), new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const part = (data as Float64Array).subarray(row * width, (row + 1) * width);
      const average = part.reduce((sum, value) => sum + value, 0) / width;
      const variance = part.reduce((sum, value) => sum + (value - average) ** 2, 0) / width;
      const factor = 1 / Math.sqrt(variance + epsilon);
      mean[row] = average;
      inverse[row] = factor;
      part.forEach((value, i) => {
        y[row * width + i] = (value - average) * factor * (scale?.data?.[i] as number) + (shift?.data?.[i] ?? 0);
      });
    }
    return [y, mean, inverse].slice(0, outputs.length);
  },
};

/**
 * x / √(mean(x²) + ε) · scale over the last axis, https://onnx.ai/onnx/operators/onnx__RMSNormalization.html; second
 * output, ours: 1 / √(mean(x²) + ε), [..., 1].
 */
const rmsNormalization: Operator = {
  shape(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    if (axis !== dims.length - 1) throw shapeError(node, `axis ${axis} of ${dims.length}`, 'the last axis');
    return [
      { dtype, dims },
      { dtype, dims: [...dims.slice(0, -1), 1] },
    ].slice(0, Math.max(node.outputs.length, 1));
  },
  compute(node, [x, scale], outputs) {
    const { dims, data } = x as Value;
    const width = dims.at(-1) as number;
    const epsilon = floatAttribute(node, 'epsilon', 1e-5);
    const inverse = new Float64Array(elementCount(dims) / width);
    const y = Float64Array.from(data as Float64Array);
    for (const row of inverse.keys()) {
      const part = y.subarray(row * width, (row + 1) * width);
      const factor = 1 / Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / width + epsilon);
      inverse[row] = factor;
      part.forEach((value, i) => {
        part[i] = value * factor * (scale?.data?.[i] as number);
      });
    }
    return [y, inverse].slice(0, outputs.length);
  },
};

const softmaxLike = (last: (values: Float64Array) => void): Operator => ({
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  compute(node, [x]) {
    const { dims, data } = x as Value;
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    const [size, stride] = [dims[axis] as number, stridesOf(dims)[axis] as number];
    const result = new Float64Array(elementCount(dims));
    const line = new Float64Array(size);
    for (let start = 0; start < result.length; start++) {
      if (Math.floor(start / stride) % size !== 0) continue;
      for (let i = 0; i < size; i++) line[i] = (data as Float64Array)[start + i * stride] as number;
      last(line);
      for (let i = 0; i < size; i++) result[start + i * stride] = line[i] as number;
    }
    return [result];
  },
});

export const NORMALIZATION: Readonly<Record<string, Operator>> = {
  LayerNormalization: layerNormalization,
  LogSoftmax: softmaxLike((values) => {
    softmaxInPlace(values);
    values.forEach((value, i) => {
      values[i] = Math.log(value);
    });
  }),
  RMSNormalization: rmsNormalization,
  Softmax: softmaxLike(softmaxInPlace),
};
