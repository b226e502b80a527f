import { stringAttribute } from '../ir/graph.js';
import type { Builder } from '../builder/builder.js';
import type { Operator } from './operator.js';
import { inputAt, outputAt } from './support/arguments.js';
import { slope, unary } from './support/elementwise.js';
import { erf } from './support/erf.js';
import { normalDistribution } from './support/normal-distribution.js';

/**
 * GELU (Hendrycks & Gimpel, arXiv 1606.08415): x·Φ(x), or its tanh form. Its slope in the erf form is Φ(x) + x·φ(x); in
 * the tanh form, with u = √(2/π)(x + 0.044715 x³) and t = tanh u, ½(1 + t) + ½x(1 − t²)u′.
 */
export const gelu: Operator = {
  ...unary('Gelu', 20, (x, node) => geluOf(x, stringAttribute(node, 'approximate', 'none'))),
  gradient: slope(({ builder, node }, x) =>
    stringAttribute(node, 'approximate', 'none') === 'tanh' ? tanhSlope(builder, x) : erfSlope(builder, x),
  ),
  /**
   * In the order of factors that ONNX Runtime fuses back into one kernel; in training, where the slope needs the
   * distribution too, as x·Φ(x), so that it is there once.
   */
  lower(node, builder, view) {
    const [x, output] = [inputAt(node, 0), outputAt(node, 0)];
    const scalar = (value: number): string => builder.scalar(value);
    if (stringAttribute(node, 'approximate', 'none') === 'tanh') {
      const cube = builder.emit('Mul', [builder.emit('Mul', [builder.emit('Mul', [x, x]), x]), scalar(0.044715)]);
      const inner = builder.emit('Mul', [builder.emit('Add', [x, cube]), scalar(Math.sqrt(2 / Math.PI))]);
      const factor = builder.emit('Add', [builder.emit('Tanh', [inner]), scalar(1)]);
      builder.emit('Mul', [builder.emit('Mul', [x, factor]), scalar(0.5)], {}, { output });
    } else if (view.consumers(x).some(({ op, inputs }) => op === 'Div' && inputs[0] === x)) {
      builder.emit('Mul', [x, normalDistribution(builder, x).distribution], {}, { output });
    } else {
      const error = builder.emit('Erf', [builder.emit('Div', [x, scalar(Math.SQRT2)])]);
      const twice = builder.emit('Mul', [x, builder.emit('Add', [error, scalar(1)])]);
      builder.emit('Mul', [twice, scalar(0.5)], {}, { output });
    }
  },
};

/** GELU of one number, in the form that the attribute `approximate` names. */
export function geluOf(x: number, approximate: string): number {
  if (approximate === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/**
 * With u = x/√2: Φ = ½(1 + erf u) and x·φ(x) = u·e^(−u²)/√π; the factor goes into the exponent. Each operator passes
 * over the widest values of the model, so there are as few as can be.
 */
function erfSlope(builder: Builder, x: string): string {
  const { scaled, distribution } = normalDistribution(builder, x);
  const exponent = [builder.scalar(-Math.log(Math.PI) / 2), builder.emit('Mul', [scaled, scaled])];
  const bell = builder.emit('Exp', [builder.emit('Sub', exponent)]);
  return builder.emit('Add', [builder.emit('Mul', [scaled, bell]), distribution]);
}

function tanhSlope(builder: Builder, x: string): string {
  const scalar = (value: number): string => builder.scalar(value);
  const factor = Math.sqrt(2 / Math.PI);
  const square = builder.emit('Mul', [x, x]);
  const cubic = builder.emit('Mul', [square, scalar(factor * 0.044715)]);
  const inner = builder.emit('Mul', [x, builder.emit('Add', [cubic, scalar(factor)])]);
  const t = builder.emit('Tanh', [inner]);
  const bend = builder.emit('Mul', [square, scalar(3 * factor * 0.044715)]);
  const innerSlope = builder.emit('Add', [bend, scalar(factor)]);
  const steep = builder.emit('Mul', [x, innerSlope]);
  const rest = builder.emit('Sub', [scalar(1), builder.emit('Mul', [t, t])]);
  const second = builder.emit('Mul', [steep, rest]);
  return builder.emit('Mul', [builder.emit('Add', [builder.emit('Add', [t, second]), scalar(1)]), scalar(0.5)]);
}
