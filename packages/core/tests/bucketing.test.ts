import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochBatches, sequentialBatches } from '../src/index.js';
import { failure } from './support/failure.js';

const lengths = fc.array(fc.nat(50), { maxLength: 400 }).map((values) => Int32Array.from(values));
const rowsOf = (batches: readonly Int32Array[]): number[] =>
  batches.flatMap((batch) => [...batch]).sort((a, b) => a - b);
const allRows = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

describe('epochBatches', () => {
  it('holds every row once, in batches of at most the size, the same for the same seed', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 20 }), fc.integer(), fc.nat(9), (lengths, size, seed, epoch) => {
        const batches = epochBatches(lengths, size, seed, [0, epoch]);
        expect(rowsOf(batches)).toEqual(allRows(lengths.length));
        expect(batches.length).toBe(Math.ceil(lengths.length / size));
        expect(batches.every((batch) => batch.length >= 1 && batch.length <= size)).toBe(true);
        expect(epochBatches(lengths, size, seed, [0, epoch])).toEqual(batches);
      }),
    );
  });

  it('needs far less padding than chance', () => {
    const lengths = Int32Array.from({ length: 2000 }, (_, i) => 5 + ((i * 37) % 100));
    const padded = (batches: readonly Int32Array[]): number =>
      batches.reduce(
        (sum, batch) => sum + batch.length * Math.max(...Array.from(batch, (row) => lengths[row] as number)),
        0,
      );
    const chance = Array.from({ length: 63 }, (_, i) => Int32Array.from(allRows(2000).slice(i * 32, (i + 1) * 32)));
    expect(padded(epochBatches(lengths, 32, 0))).toBeLessThan(0.65 * padded(chance));
  });

  it('brings other batches in another epoch', () => {
    const lengths = new Int32Array(100).fill(7);
    expect(epochBatches(lengths, 10, 0, [0, 1])).not.toEqual(epochBatches(lengths, 10, 0, [0, 0]));
  });
});

describe('sequentialBatches', () => {
  it('holds every row once, shortest first', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 20 }), (lengths, size) => {
        const batches = sequentialBatches(lengths, size);
        expect(rowsOf(batches)).toEqual(allRows(lengths.length));
        const sorted = batches.flatMap((batch) => Array.from(batch, (row) => lengths[row] as number));
        expect(sorted).toEqual(sorted.toSorted((a, b) => a - b));
      }),
    );
  });

  it('refuses a batch size below 1', async () => {
    for (const size of [0, -1, 1.5, NaN]) {
      expect((await failure(() => sequentialBatches(new Int32Array(3), size))).code).toBe('BATCH_SIZE');
      expect((await failure(() => epochBatches(new Int32Array(3), size, 0))).code).toBe('BATCH_SIZE');
    }
  });
});
