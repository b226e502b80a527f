import { floatAttribute, int, intAttribute } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, isPresent, need, needValue, outputAt, shapeError } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import { besidesLastAxis } from './support/softmax.js';

/**
 * y = x̂·scale with x̂ = x·r over the last axis (Zhang & Sennrich, arXiv 1910.07467), where r = 1/√(mean(x²) + ε), [..,
 * 1], is a second output of ours. With g = dy·scale: dx = r·(g − x̂·mean(g·x̂)); dscale = Σ dy·x̂.
 */
export const rmsNormalization: Operator = {
  name: 'RMSNormalization',
  text: onnx('RMSNormalization', 23),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
    if (axis !== dims.length - 1) throw shapeError(node, `axis ${axis} of ${dims.length}`, 'the last axis');
    return [
      { dtype, dims },
      { dtype, dims: [...dims.slice(0, -1), 1] },
    ].slice(0, Math.max(node.outputs.length, 1));
  },
  evaluate(node, inputs, outputs) {
    const [{ dims, data }, scale] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const width = dims.at(-1) ?? 1;
    const epsilon = floatAttribute(node, 'epsilon', 1e-5);
    const inverse = new Float64Array(elementCount(dims) / width);
    const y = data.slice();
    for (const row of inverse.keys()) {
      const part = y.subarray(row * width, (row + 1) * width);
      const factor = 1 / Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / width + epsilon);
      inverse[row] = factor;
      for (const [i, value] of part.entries()) part[i] = value * factor * (scale.data[i] ?? Number.NaN);
    }
    return [y, inverse].slice(0, outputs.length);
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [x, scale] = [inputAt(node, 0), inputAt(node, 1)];
    const [inverse, dy] = [outputAt(node, 1), gradientOf(context)];
    const normalized = builder.emit('Mul', [x, inverse]);
    const gradients: (string | undefined)[] = [undefined, undefined];
    if (wants(0)) {
      const g = builder.emit('Mul', [dy, scale]);
      const product = builder.emit('Mul', [g, normalized]);
      const mean = builder.emit('ReduceMean', [product, builder.ints([-1])], { keepdims: int(1) });
      const rest = builder.emit('Sub', [g, builder.emit('Mul', [normalized, mean])]);
      gradients[0] = builder.emit('Mul', [rest, inverse]);
    }
    if (wants(1)) gradients[1] = unbroadcast(builder, builder.emit('Mul', [dy, normalized]), scale);
    return gradients;
  },
  saves: 2,
  axes: besidesLastAxis,
  /** The operator exists from opset 23 on only. */
  lower(node, builder) {
    const [x, scale, output] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
    const inverse = node.outputs[1];
    const mean = builder.emit('ReduceMean', [builder.emit('Mul', [x, x]), builder.ints([-1])], { keepdims: int(1) });
    const stabilized = builder.emit('Add', [mean, builder.scalar(floatAttribute(node, 'epsilon', 1e-5))]);
    const root = builder.emit('Sqrt', [stabilized]);
    const factor = builder.emit('Reciprocal', [root], {}, isPresent(inverse) ? { output: inverse } : {});
    builder.emit('Mul', [builder.emit('Mul', [x, factor]), scale], {}, { output });
  },
  isNorm: true,
  isWorthKeeping: true,
};
