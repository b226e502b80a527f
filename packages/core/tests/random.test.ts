import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropoutMask, generator, normal, permutation, uniform } from '../src/index.js';
import { failure } from './support/failure.js';

describe('permutation', () => {
  it('holds every number once and depends on its arguments only', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer(), fc.array(fc.nat(100), { maxLength: 3 }), (size, seed, streams) => {
        const order = permutation(size, seed, ...streams);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
        expect(permutation(size, seed, ...streams)).toEqual(order);
      }),
    );
  });

  it('differs between seeds and between streams', () => {
    const orders = [
      permutation(50, 0),
      permutation(50, 1),
      permutation(50, 0, 0),
      permutation(50, 0, 1),
      permutation(50, 0, 1, 0),
      permutation(50, 0, 0, 1),
      permutation(50, 0, 'a'),
    ];
    expect(new Set(orders.map((order) => order.join())).size).toBe(orders.length);
  });

  it('never changes: a checkpoint of today must resume tomorrow', () => {
    expect([...permutation(10, 42, 1, 2)]).toMatchInlineSnapshot(`
      [
        8,
        5,
        6,
        7,
        4,
        9,
        0,
        3,
        1,
        2,
      ]
    `);
  });

  it('gives each number each place about equally often', () => {
    const counts = new Int32Array(16);
    for (let seed = 0; seed < 4000; seed++)
      permutation(4, seed).forEach(
        (value, place) => (counts[value * 4 + place] = (counts[value * 4 + place] as number) + 1),
      );
    // 4000 draws of probability 1/4: standard deviation 27
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(27 * 5);
  });

  it('refuses impossible sizes and seeds', async () => {
    expect((await failure(() => permutation(-1, 0))).code).toBe('PERMUTATION_SIZE');
    expect((await failure(() => permutation(2 ** 31, 0))).code).toBe('PERMUTATION_SIZE');
    expect((await failure(() => permutation(3, 0.5))).code).toBe('SEED');
    expect((await failure(() => generator(1, NaN))).code).toBe('SEED');
  });
});

describe('initial values', () => {
  const moments = (values: Float32Array): [number, number] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)];
  };

  it('are normal', () => {
    const values = normal(20_001, 0.02, 1, 'classifier.weight');
    const [mean, deviation] = moments(values);
    // standard errors: 0.02 / √20001 = 1.4e-4 and 1e-4
    expect(Math.abs(mean)).toBeLessThan(6e-4);
    expect(Math.abs(deviation - 0.02)).toBeLessThan(5e-4);
    expect(values.filter((value) => Math.abs(value) < 0.02).length / values.length).toBeCloseTo(0.683, 1);
    expect(normal(20_001, 0.02, 1, 'classifier.weight')).toEqual(values);
    expect(normal(5, 0.02, 1, 'classifier.weight')).toEqual(values.slice(0, 5));
  });

  it('are uniform', () => {
    const values = uniform(10_000, -1, 3, 5);
    expect(values.every((value) => value >= -1 && value < 3)).toBe(true);
    expect(moments(values)[0]).toBeCloseTo(1, 1);
  });
});

describe('dropoutMask', () => {
  it('keeps the mean', () => {
    const mask = dropoutMask(10_000, 0.1, 3, 0, 1);
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / 0.9)]));
    expect(mask.reduce((sum, value) => sum + value, 0) / mask.length).toBeCloseTo(1, 1);
    expect(new Set(dropoutMask(10, 0, 3))).toEqual(new Set([1]));
  });

  it('refuses a rate of 1', async () => {
    expect((await failure(() => dropoutMask(1, 1, 0))).code).toBe('DROPOUT_RATE');
  });
});
