import type { Builder } from '../../builder/builder.js';

/**
 * u = x/√2 and the standard normal distribution Φ(x) = ½(1 + erf u). Written alike wherever it is needed, so that a
 * runtime computes it once.
 */
export function normalDistribution(builder: Builder, x: string): { scaled: string; distribution: string } {
  const scaled = builder.emit('Div', [x, builder.scalar(Math.SQRT2)]);
  const twice = builder.emit('Add', [builder.emit('Erf', [scaled]), builder.scalar(1)]);
  return { scaled, distribution: builder.emit('Mul', [twice, builder.scalar(0.5)]) };
}
