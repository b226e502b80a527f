import { UnsupportedError } from '../errors.js';
import { floatAttribute, int, intAttribute } from '../ir/graph.js';
import type { Fact } from '../shapes/fact.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needValue, optionalInput, outputAt } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import { besidesLastAxis } from './support/softmax.js';

/**
 * y = x̂·scale + shift with x̂ = (x − mean)·r over the last axis, where mean and r = 1/√(var + ε) are further outputs,
 * so that nothing is computed twice. With g = dy·scale: dx = r·(g − mean(g) − x̂·mean(g·x̂)); dscale = Σ dy·x̂; dshift
 * = Σ dy.
 */
export const layerNormalization: Operator = {
  name: 'LayerNormalization',
  text: onnx('LayerNormalization', 17),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    const statistics: Fact = { dtype, dims: dims.map((size, i) => (i < axis ? size : 1)) };
    return [{ dtype, dims }, statistics, statistics].slice(0, Math.max(node.outputs.length, 1));
  },
  evaluate(node, inputs, outputs) {
    const [{ dims, data }, scale] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const shift = inputs[2];
    const width = elementCount(dims.slice(axisOf(node, intAttribute(node, 'axis', -1), dims.length)));
    const epsilon = floatAttribute(node, 'epsilon', 1e-5);
    const rows = elementCount(dims) / width;
    const [y, mean, inverse] = [new Float64Array(rows * width), new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const part = data.subarray(row * width, (row + 1) * width);
      const average = part.reduce((sum, value) => sum + value, 0) / width;
      const variance = part.reduce((sum, value) => sum + (value - average) ** 2, 0) / width;
      const factor = 1 / Math.sqrt(variance + epsilon);
      mean[row] = average;
      inverse[row] = factor;
      for (const [i, value] of part.entries())
        y[row * width + i] = (value - average) * factor * (scale.data[i] ?? Number.NaN) + (shift?.data[i] ?? 0);
    }
    return [y, mean, inverse].slice(0, outputs.length);
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [x, scale, shift] = [inputAt(node, 0), inputAt(node, 1), optionalInput(node, 2)];
    const [mean, inverse, dy] = [outputAt(node, 1), outputAt(node, 2), gradientOf(context)];
    const axis = intAttribute(node, 'axis', -1);
    if (axis !== -1 && axis !== builder.dims(x).length - 1) {
      throw new UnsupportedError(`LayerNormalization "${node.name}" normalizes several axes`, {
        code: 'GRADIENT_LAYER_NORM_AXIS',
        found: `axis ${axis}`,
        expected: 'the last axis',
      });
    }
    const normalized = wants(0) || wants(1) ? builder.emit('Mul', [builder.emit('Sub', [x, mean]), inverse]) : '';
    const gradients: (string | undefined)[] = [undefined, undefined];
    if (wants(0)) {
      const last = builder.ints([-1]);
      const g = builder.emit('Mul', [dy, scale]);
      const meanG = builder.emit('ReduceMean', [g, last], { keepdims: int(1) });
      const meanGx = builder.emit('ReduceMean', [builder.emit('Mul', [g, normalized]), last], { keepdims: int(1) });
      const centered = builder.emit('Sub', [g, meanG]);
      const rest = builder.emit('Sub', [centered, builder.emit('Mul', [normalized, meanGx])]);
      gradients[0] = builder.emit('Mul', [rest, inverse]);
    }
    if (wants(1)) gradients[1] = unbroadcast(builder, builder.emit('Mul', [dy, normalized]), scale);
    if (shift !== undefined && wants(2)) gradients[2] = unbroadcast(builder, dy, shift);
    return gradients;
  },
  saves: 3,
  axes: besidesLastAxis,
  isNorm: true,
  isWorthKeeping: true,
};
