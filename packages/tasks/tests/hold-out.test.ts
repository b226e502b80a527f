import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdOut, limitExamples, type ExampleTable } from '../src/index.js';
import { failure } from './support/failure.js';

/** Examples whose text is their number, so that they can be told apart. */
function examples(
  labels: readonly (number | undefined)[],
  kind: ExampleTable['kind'] = 'classification',
): ExampleTable {
  return {
    kind,
    examples: labels.map((label, i) => ({ text: String(i), ...(label === undefined ? {} : { label }) })),
    labels: ['no', 'yes', 'maybe'],
    skipped: [],
  };
}

const rows = (table: ExampleTable): number[] => table.examples.map(({ text }) => Number(text));
const count = (table: ExampleTable, label: number): number =>
  table.examples.filter((example) => example.label === label).length;
const alternating = examples(Array.from({ length: 100 }, (_, i) => i % 2));

describe('holding out', () => {
  it('divides: every example is in one part, in its order, with its label', () => {
    const [rest, held] = holdOut(alternating, 0.2, 7);
    expect([...rows(rest), ...rows(held)].toSorted((a, b) => a - b)).toEqual(rows(alternating));
    for (const part of [rest, held]) {
      expect(rows(part)).toEqual(rows(part).toSorted((a, b) => a - b));
      expect(part).toMatchObject({ kind: 'classification', labels: ['no', 'yes', 'maybe'] });
      for (const { text, label } of part.examples) expect(label).toBe(Number(text) % 2);
    }
  });

  it('takes the share of every class', () => {
    const table = examples([
      ...Array.from({ length: 60 }, () => 0),
      ...Array.from({ length: 30 }, () => 1),
      ...Array.from({ length: 10 }, () => 2),
    ]);
    const [rest, held] = holdOut(table, 0.2);
    expect([0, 1, 2].map((label) => count(held, label))).toEqual([12, 6, 2]);
    expect([0, 1, 2].map((label) => count(rest, label))).toEqual([48, 24, 8]);
  });

  it('leaves a class of one example for training', () => {
    const [rest, held] = holdOut(examples([...Array.from({ length: 20 }, () => 0), 1]), 0.2);
    expect([count(rest, 1), count(held, 1)]).toEqual([1, 0]);
  });

  it('takes the share of numbers as a whole, and of examples without a label', () => {
    expect(
      holdOut(
        examples(
          Array.from({ length: 50 }, (_, i) => i / 50),
          'regression',
        ),
        0.2,
      )[1].examples,
    ).toHaveLength(10);
    expect(holdOut(examples(Array.from({ length: 50 }, () => undefined)), 0.2)[1].examples).toHaveLength(10);
  });

  it('goes by the seed alone', () => {
    expect(holdOut(alternating, 0.3, 5)).toEqual(holdOut(alternating, 0.3, 5));
    expect(holdOut(alternating, 0.3)).toEqual(holdOut(alternating, 0.3, 0));
    const choices = new Set([0, 1, 2, 3, 4].map((seed) => rows(holdOut(alternating, 0.3, seed)[1]).join()));
    expect(choices.size).toBe(5);
  });

  it.each([
    ['nothing', [], 0.2, '0 of 0 held out at a share of 0.2'],
    ['one example of each class', [0, 1], 0.2, '0 of 2 held out at a share of 0.2'],
    ['a share of nothing', [0, 0, 0, 0], 0, '0 of 4 held out at a share of 0'],
    ['a share of all', [0, 1, 0, 1], 1, '4 of 4 held out at a share of 1'],
  ])('refuses %s', async (_, labels, share, found) => {
    const error = await failure(() => holdOut(examples(labels), share));
    expect(error).toMatchObject({
      code: 'HOLDOUT',
      found,
      expected: 'at least one on either side',
      hint: 'Give a file of its own for evaluation.',
    });
  });

  // One class of many examples: what is quadratic here takes minutes.
  it('is quick on half a million examples', () => {
    const table = examples(
      Array.from({ length: 500_000 }, () => 0.5),
      'regression',
    );
    const start = performance.now();
    const [rest, held] = holdOut(table, 0.1);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect([rest.examples.length, held.examples.length]).toEqual([450_000, 50_000]);
  });

  it('divides any labels without loss, or says that it cannot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        async (labels, share, seed) => {
          const table = examples(labels);
          const expected = [0, 1, 2].map((label) => Math.round(count(table, label) * share));
          const total = expected.reduce((sum, size) => sum + size, 0);
          if (total === 0 || total === labels.length) {
            expect((await failure(() => holdOut(table, share, seed))).code).toBe('HOLDOUT');
            return;
          }
          const [rest, held] = holdOut(table, share, seed);
          expect([0, 1, 2].map((label) => count(held, label))).toEqual(expected);
          expect([...rows(rest), ...rows(held)].toSorted((a, b) => a - b)).toEqual(rows(table));
        },
      ),
    );
  });
});

describe('limiting', () => {
  it('chooses with the seed, keeps the order, and repeats nothing', () => {
    const limited = limitExamples(alternating, 10, 3);
    expect(new Set(rows(limited)).size).toBe(10);
    expect(rows(limited)).toEqual(rows(limited).toSorted((a, b) => a - b));
    for (const { text, label } of limited.examples) expect(label).toBe(Number(text) % 2);
    expect(limitExamples(alternating, 10, 3)).toEqual(limited);
    expect(rows(limitExamples(alternating, 10, 4))).not.toEqual(rows(limited));
  });

  it('does not take the first ones', () => {
    expect(Math.max(...rows(limitExamples(alternating, 10)))).toBeGreaterThan(50);
  });

  it('of a smaller number is part of that of a larger, so that runs can be compared', () => {
    const larger = new Set(rows(limitExamples(alternating, 40, 9)));
    expect(rows(limitExamples(alternating, 15, 9)).filter((row) => !larger.has(row))).toEqual([]);
  });

  it.each([100, 101, 1e9, Number.POSITIVE_INFINITY])('to %d takes all there are', (size) => {
    expect(limitExamples(alternating, size)).toEqual(alternating);
  });

  it('takes the size that is asked for', () => {
    expect([0, 1, 99].map((size) => limitExamples(alternating, size).examples.length)).toEqual([0, 1, 99]);
  });
});
