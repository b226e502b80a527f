import { describe, expect, it } from 'vitest';
import { microBatches } from '../src/internal.js';

const ramp = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => i);
const inputs = {
  batch: {
    batch: 5,
    sequence: 2,
    inputIds: Int32Array.from(ramp(10)),
    attentionMask: new Int32Array(10).fill(1),
    tokenTypeIds: Int32Array.from(ramp(10)),
    labels: ramp(5),
    source: { split: 'train', rows: Int32Array.of(9, 8, 7, 6, 5) },
  },
  targets: ramp(15),
  dropout: ramp(20),
};

describe('a batch in parts', () => {
  it('is whole when it fits', () => {
    expect(microBatches(inputs, 5, 0.25)).toEqual([{ inputs, weight: 0.25 }]);
    expect(microBatches(inputs, Number.POSITIVE_INFINITY)).toHaveLength(1);
  });

  it.each([1, 2, 3, 4])(
    'of at most %i rows: every row once, with all that belongs to it, and the weight of its share',
    (rows) => {
      const parts = microBatches(inputs, rows, 0.5);
      expect(Math.max(...parts.map(({ inputs: { batch } }) => batch.batch))).toBeLessThanOrEqual(rows);
      expect(
        Math.max(...parts.map(({ inputs: { batch } }) => batch.batch)) -
          Math.min(...parts.map(({ inputs: { batch } }) => batch.batch)),
      ).toBeLessThanOrEqual(1);
      expect(parts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(0.5, 12);
      const joined = (of: (part: typeof inputs) => ArrayLike<number>): number[] =>
        parts.flatMap(({ inputs: part }) => Array.from(of(part as typeof inputs)));
      const fields: readonly ((part: typeof inputs) => ArrayLike<number>)[] = [
        ({ batch }) => batch.inputIds,
        ({ batch }) => batch.attentionMask,
        ({ batch }) => batch.tokenTypeIds,
        ({ batch }) => batch.labels,
        ({ batch }) => batch.source.rows,
        ({ targets }) => targets,
        ({ dropout }) => dropout,
      ];
      for (const field of fields) expect(joined(field)).toEqual(Array.from(field(inputs)));
      for (const {
        inputs: { batch },
        weight,
      } of parts)
        expect(weight).toBeCloseTo((0.5 * batch.batch) / 5, 12);
    },
  );

  it('does not tear pairs apart', () => {
    const pairs = {
      batch: {
        ...inputs.batch,
        batch: 6,
        inputIds: Int32Array.from(ramp(12)),
        attentionMask: new Int32Array(12).fill(1),
        tokenTypeIds: new Int32Array(12),
        labels: ramp(3),
        pairs: true,
        source: { split: 'train', rows: Int32Array.of(7, 8, 9) },
      },
      targets: ramp(6),
    };
    for (const rows of [1, 2, 3]) {
      const parts = microBatches(pairs, rows);
      expect(
        parts.map(({ inputs: { batch } }) => [batch.batch, ...(batch.labels ?? []), ...(batch.source?.rows ?? [])]),
      ).toEqual([
        [2, 0, 7],
        [2, 1, 8],
        [2, 2, 9],
      ]);
      expect(parts.map(({ inputs: { targets } }) => [...(targets ?? [])])).toEqual([
        [0, 1],
        [2, 3],
        [4, 5],
      ]);
    }
    expect(microBatches(pairs, 5).map(({ inputs: { batch } }) => batch.batch)).toEqual([4, 2]);
  });
});
