import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  foldable,
  foldIntoProjection,
  hadamardBackward,
  hadamardForward,
  unfoldFromProjection,
  type Site,
} from '../src/index.js';
import { failure } from './support/failure.js';

const numbers = (length: number, least = -3, most = 3): fc.Arbitrary<Float64Array> =>
  fc
    .array(fc.double({ min: least, max: most, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float64Array.from(values));

/** y = x · W + bias, x [rows, inputs]. */
function linear(x: Float64Array, weight: Float64Array, bias: Float64Array): Float64Array {
  const [outputs, inputs] = [bias.length, weight.length / bias.length];
  return Float64Array.from({ length: (x.length / inputs) * outputs }, (_, i) => {
    const [row, j] = [Math.floor(i / outputs), i % outputs];
    return weight
      .filter((_, k) => k % outputs === j)
      .reduce((sum, value, k) => sum + value * (x[row * inputs + k] as number), bias[j] as number);
  });
}

describe('hadamard adapter', () => {
  it('is w ⊙ x + b on every row, in the precision of x', () => {
    const y = hadamardForward(new Float32Array([1, 2, 3, 4]), new Float32Array([2, -1]), new Float32Array([0.5, 1]));
    expect(y).toEqual(new Float32Array([2.5, -1, 6.5, -3]));
    expect(hadamardForward(new Float64Array([0.1]), new Float64Array([3]), new Float64Array([0]))).toEqual(
      new Float64Array([3 * 0.1]),
    );
  });

  it('with w = 1 and b = 0 changes no bit', () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i) * 1e3);
    expect(hadamardForward(x, new Float32Array(8).fill(1), new Float32Array(8))).toEqual(x);
  });

  it('has the gradients of finite differences', () => {
    fc.assert(
      fc.property(numbers(6), numbers(3), numbers(3), numbers(6), (x, w, b, dy) => {
        // The adapter is linear in each argument, so central differences of any step are exact up to rounding (1e-9
        // leaves a margin of 1e5).
        const value = (x: Float64Array, w: Float64Array, b: Float64Array): number =>
          hadamardForward(x, w, b).reduce((sum, y, i) => sum + y * (dy[i] as number), 0);
        const slope = (values: Float64Array, i: number, f: (values: Float64Array) => number): number =>
          f(values.map((value, k) => (k === i ? value + 0.5 : value))) -
          f(values.map((value, k) => (k === i ? value - 0.5 : value)));
        const { dx, dw, db } = hadamardBackward(x, w, dy);
        for (let i = 0; i < 6; i++)
          expect(dx[i]).toBeCloseTo(
            slope(x, i, (x) => value(x, w, b)),
            9,
          );
        for (let i = 0; i < 3; i++) {
          expect(dw[i]).toBeCloseTo(
            slope(w, i, (w) => value(x, w, b)),
            9,
          );
          expect(db[i]).toBeCloseTo(
            slope(b, i, (b) => value(x, w, b)),
            9,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses shapes that do not fit', async () => {
    const f = (length: number): Float32Array => new Float32Array(length);
    expect((await failure(() => hadamardForward(f(5), f(2), f(2)))).code).toBe('ADAPTER_SHAPE');
    expect((await failure(() => hadamardForward(f(4), f(2), f(3)))).code).toBe('ADAPTER_SHAPE');
    expect((await failure(() => hadamardBackward(f(4), f(2), f(2)))).code).toBe('ADAPTER_SHAPE');
  });
});

describe.each<Site>(['context', 'output'])('folding at site %s', (site) => {
  const [inputs, outputs] = [3, 2];
  const channels = site === 'context' ? inputs : outputs;

  it('gives what the adapter gives beside the projection, and can be undone', () => {
    fc.assert(
      fc.property(
        numbers(6),
        numbers(6),
        numbers(2),
        numbers(channels, 0.1),
        numbers(channels),
        (x, weight, bias, w, b) => {
          const folded = foldIntoProjection({ weight, bias, inputs, outputs }, site, w, b);
          const beside =
            site === 'context'
              ? linear(hadamardForward(x, w, b), weight, bias)
              : hadamardForward(linear(x, weight, bias), w, b);
          // float64 with a handful of terms of size ≤ 27
          linear(x, folded.weight, folded.bias).forEach((value, i) =>
            expect(value).toBeCloseTo(beside[i] as number, 9),
          );
          const original = unfoldFromProjection(folded, site, w, b);
          original.weight.forEach((value, i) => expect(value).toBeCloseTo(weight[i] as number, 9));
          original.bias.forEach((value, i) => expect(value).toBeCloseTo(bias[i] as number, 9));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('of an identity adapter changes no bit', () => {
    const weight = Float32Array.from({ length: 6 }, (_, i) => Math.sin(i + 1));
    const folded = foldIntoProjection(
      { weight, bias: new Float32Array([0.1, 0.2]), inputs, outputs },
      site,
      new Float32Array(channels).fill(1),
      new Float32Array(channels),
    );
    expect(folded.weight).toEqual(weight);
    expect(folded.bias).toEqual(new Float32Array([0.1, 0.2]));
  });

  it('of a matrix that is stored the other way round gives the same numbers', () => {
    const [inputs, outputs] = [3, 5];
    const turn = (values: Float32Array, rows: number): Float32Array =>
      values.map((_, k) => values[(k % rows) * (values.length / rows) + Math.floor(k / rows)] ?? Number.NaN);
    const weight = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i));
    const bias = Float32Array.from({ length: outputs }, (_, i) => Math.cos(i));
    const vector = Float32Array.from({ length: site === 'context' ? inputs : outputs }, (_, i) => i + 0.3);
    const plain = foldIntoProjection({ weight, bias, inputs, outputs }, site, vector, vector);
    const stored = { weight: turn(weight, inputs), bias, inputs, outputs, transposed: true };
    const turned = foldIntoProjection(stored, site, vector, vector);
    expect(turned).toEqual({ ...plain, weight: turn(plain.weight, inputs), transposed: true });
    const [back, original] = [turned, plain].map((each) => unfoldFromProjection(each, site, vector, vector));
    expect(back?.weight).toEqual(turn(original?.weight ?? weight, inputs));
    expect(back?.bias).toEqual(original?.bias);
  });

  it('cannot be undone when a scale is 0', async () => {
    const w = new Float32Array(channels).fill(1).fill(0, 1, 2);
    expect(foldable(w)).toBe(false);
    const error = await failure(() =>
      unfoldFromProjection(
        { weight: new Float32Array(6), bias: new Float32Array(2), inputs, outputs },
        site,
        w,
        new Float32Array(channels),
      ),
    );
    expect(error).toMatchObject({ code: 'ADAPTER_NOT_INVERTIBLE', found: 'scale 0 in channel 1' });
  });

  it('refuses shapes that do not fit', async () => {
    const f = (length: number): Float32Array => new Float32Array(length);
    expect(
      (
        await failure(() =>
          foldIntoProjection({ weight: f(5), bias: f(2), inputs, outputs }, site, f(channels), f(channels)),
        )
      ).code,
    ).toBe('ADAPTER_SHAPE');
    expect(
      (
        await failure(() =>
          foldIntoProjection({ weight: f(6), bias: f(3), inputs, outputs }, site, f(channels), f(channels)),
        )
      ).code,
    ).toBe('ADAPTER_SHAPE');
    expect(
      (
        await failure(() =>
          foldIntoProjection({ weight: f(6), bias: f(2), inputs, outputs }, site, f(5 - channels), f(5 - channels)),
        )
      ).code,
    ).toBe('ADAPTER_SHAPE');
  });
});
