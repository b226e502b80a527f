/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as analysis from '../src/analysis.js';
import { hadamardForward, normal } from '../src/index.js';
import { failure } from './support/failure.js';

const {
  addHeadNorms,
  cosine,
  cosineMatrix,
  distribution,
  gradientNorms,
  headNorms,
  magnitudes,
  meanDistance,
  meanVector,
  numbersOfBasis,
} = analysis;
const floats = (...values: number[]): Float32Array => new Float32Array(values);

describe('cosine', () => {
  it('is that of the angle', () => {
    expect(cosine(floats(1, 0), floats(1, 1))).toBeCloseTo(Math.SQRT1_2, 12);
    expect(cosine(floats(3, 4), floats(-3, -4))).toBe(-1);
    expect(cosineMatrix([floats(2, 0), floats(0, 3), floats(0, 0)])).toEqual([
      [1, 0, undefined],
      [0, 1, undefined],
      [undefined, undefined, undefined],
    ]);
  });

  it('of vectors of different length is refused', async () => {
    expect((await failure(() => cosine(floats(1), floats(1, 2)))).code).toBe('VECTOR_LENGTH');
  });
});

describe('distribution', () => {
  it('gives mean, deviation and quantiles of the numbers in any order', () => {
    const { q05, q95, ...rest } = distribution(floats(4, 1, 3, 2));
    expect(rest).toEqual({
      mean: 2.5,
      deviation: Math.sqrt(1.25),
      least: 1,
      q25: 1.75,
      median: 2.5,
      q75: 3.25,
      most: 4,
    });
    // numpy.quantile([1, 2, 3, 4], [0.05, 0.95])
    expect(q05).toBeCloseTo(1.15, 12);
    expect(q95).toBeCloseTo(3.85, 12);
    expect(distribution(floats(7))).toEqual({
      mean: 7,
      deviation: 0,
      least: 7,
      q05: 7,
      q25: 7,
      median: 7,
      q75: 7,
      q95: 7,
      most: 7,
    });
  });
});

describe('predictors', () => {
  it('measure the distance from an adapter that changes nothing', () => {
    expect(meanDistance(floats(1.5, 0.5, 1), 1)).toBeCloseTo(1 / 3, 7);
    const site = (layer: number, key: string, w: number[], b: number[]) => ({
      layer,
      key,
      w: floats(...w),
      b: floats(...b),
    });
    expect(
      magnitudes([
        site(1, 'layer.1', [1, 1], [0, 0]),
        site(0, 'layer.0.self', [2, 1], [1, -1]),
        site(0, 'layer.0.cross', [1, 1], [3, 3]),
      ]),
    ).toEqual([
      { layer: 0, scale: 0.25, shift: 2 },
      { layer: 1, scale: 0, shift: 0 },
    ]);
  });

  it('take the norm of a layer over scale and shift, and over nothing else', () => {
    const parameters = [
      { name: 'classifier.weight', group: 'classifier', shape: [9], layers: [] },
      { name: 'layer.0.adapter.weight', group: 'adapter', shape: [1], layers: [0] },
      { name: 'layer.0.adapter.bias', group: 'adapter', shape: [1], layers: [0] },
      { name: 'layer.1.adapter.weight', group: 'adapter', shape: [2], layers: [1] },
      { name: 'layer.0.attention_norm.weight', group: 'norm', shape: [3], layers: [0] },
    ] as const;
    expect([...gradientNorms(parameters, floats(3, 4, 0, -2))]).toEqual([
      [0, 5],
      [1, 2],
    ]);
  });
});

describe('sharing', () => {
  it('takes the mean number by number', async () => {
    expect([...meanVector([floats(1, 2), floats(3, 6)])]).toEqual([2, 4]);
    expect((await failure(() => meanVector([]))).code).toBe('VECTOR_LENGTH');
    expect((await failure(() => meanVector([floats(1), floats(1, 2)]))).code).toBe('VECTOR_LENGTH');
  });

  it('counts a basis once and coordinates for each task', () => {
    expect(numbersOfBasis({ tasks: 5, rank: 2, numbers: 36_864 })).toBe(2 * 36_864 + 10);
    expect(numbersOfBasis({ tasks: 5, rank: 2, numbers: 36_864, parts: 12 })).toBe(2 * 36_864 + 120);
  });
});

describe('headNorms', () => {
  const [w, b] = [floats(1, 1, 2, 0), floats(0, 0, 0, 5)];

  it('gives the length of each head before and after, without padding', () => {
    const x = floats(3, 4, 1, 0, 6, 8, 0, 2, 99, 99, 99, 99);
    const { tokens, before, after, change } = headNorms(x, [1, 1, 0], 2, { w, b });
    expect(tokens).toBe(2);
    expect([...before]).toEqual([15, 3]);
    expect([...after]).toEqual([15, Math.sqrt(29) + 5]);
    expect([...change]).toEqual([0, Math.sqrt(26) + 3]);
  });

  it('agrees with the adapter itself, and adds up over batches', () => {
    const x = normal(24, 1, 0, 'x');
    const y = hadamardForward(x, w, b);
    const rows = (values: Float32Array): number =>
      Array.from({ length: 6 }, (_, row) => Math.hypot(...values.subarray(row * 4, row * 4 + 4))).reduce(
        (sum, value) => sum + value,
        0,
      );
    const mask = [1, 1, 1, 1, 1, 1];
    const { before, after } = headNorms(x, mask, 1, { w, b });
    expect(before[0]).toBeCloseTo(rows(x), 5);
    expect(after[0]).toBeCloseTo(rows(y), 5);
    const parts = addHeadNorms([
      headNorms(x.subarray(0, 8), mask.slice(0, 2), 1, { w, b }),
      headNorms(x.subarray(8), mask.slice(2), 1, { w, b }),
    ]);
    expect(parts.tokens).toBe(6);
    expect(parts.after[0]).toBeCloseTo(after[0] as number, 10);
  });

  it('refuses heads that do not divide the channels', async () => {
    expect((await failure(() => headNorms(floats(1, 2, 3, 4), [1], 3, { w, b }))).code).toBe('ADAPTER_SHAPE');
  });
});

describe('README', () => {
  it('names every function of this entry', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    expect(Object.keys(analysis).filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});
