import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDims,
  dimText,
  evaluateDim,
  exactQuotient,
  floorQuotient,
  isAtLeast,
  largestOf,
  multiplyDims,
  sameDim,
  smallestOf,
  subtractDims,
  symbol,
  unknownDim,
  whyUnknown,
  type Dim,
} from '../src/internal.js';

const [batch, sequence] = [symbol('batch'), symbol('sequence')];
const sizes = fc.record({ batch: fc.integer({ min: 1, max: 50 }), sequence: fc.integer({ min: 1, max: 50 }) });
const at = (dim: Dim, { batch: b, sequence: s }: { batch: number; sequence: number }): number | undefined =>
  evaluateDim(
    dim,
    new Map([
      ['batch', b],
      ['sequence', s],
    ]),
  );

/** An expression, with what it is at given sizes by plain arithmetic. */
interface Growth {
  readonly dim: Dim;
  readonly value: (size: { batch: number; sequence: number }) => number;
}

const leaf: fc.Arbitrary<Growth> = fc.oneof(
  fc.integer({ min: -6, max: 12 }).map((number) => ({ dim: number, value: () => number })),
  fc.constant<Growth>({ dim: batch, value: ({ batch: b }) => b }),
  fc.constant<Growth>({ dim: sequence, value: ({ sequence: s }) => s }),
);

const OPERATIONS: readonly [(a: Dim, b: Dim) => Dim, (a: number, b: number) => number][] = [
  [addDims, (a, b) => a + b],
  [subtractDims, (a, b) => a - b],
  [multiplyDims, (a, b) => a * b],
  [smallestOf, Math.min],
  [largestOf, Math.max],
  [(a) => floorQuotient(a, 3), (a) => Math.floor(a / 3)],
];

const expression: fc.Arbitrary<Growth> = fc
  .tuple(leaf, fc.array(fc.tuple(fc.nat(OPERATIONS.length - 1), leaf, fc.boolean()), { maxLength: 5 }))
  .map(([start, steps]) =>
    steps.reduce((growth, [which, operand, swapped]): Growth => {
      const [symbolic, plain] = OPERATIONS[which] ?? [addDims, (a: number, b: number): number => a + b];
      const [a, b] = swapped ? [operand, growth] : [growth, operand];
      return { dim: symbolic(a.dim, b.dim), value: (size) => plain(a.value(size), b.value(size)) };
    }, start),
  );

describe('symbolic dimensions', () => {
  it('are what plain arithmetic gives, at every size', () => {
    fc.assert(fc.property(expression, sizes, ({ dim, value }, size) => at(dim, size) === value(size)));
  });

  it('are the same only where they are the same at every size', () => {
    fc.assert(
      fc.property(
        expression,
        expression,
        sizes,
        (a, b, size) => !sameDim(a.dim, b.dim) || a.value(size) === b.value(size),
      ),
    );
  });

  it('are seen to be at least another only where they are', () => {
    fc.assert(
      fc.property(
        expression,
        expression,
        sizes,
        (a, b, size) => !isAtLeast(a.dim, b.dim) || a.value(size) >= b.value(size),
      ),
    );
  });

  it('have one form, whatever the order they are put together in', () => {
    const left = addDims(multiplyDims(batch, sequence), addDims(sequence, 2));
    const right = addDims(2, addDims(sequence, multiplyDims(sequence, batch)));
    expect(dimText(left)).toBe('batch*sequence+sequence+2');
    expect(sameDim(left, right)).toBe(true);
    expect(subtractDims(left, right)).toBe(0);
    expect(sameDim(batch, sequence)).toBe(false);
  });

  it('divide where that comes out even, and say floor where it may not', () => {
    expect(exactQuotient(multiplyDims(multiplyDims(batch, sequence), 384), multiplyDims(batch, 12))).toEqual(
      multiplyDims(sequence, 32),
    );
    expect(exactQuotient(sequence, 2)).toBeUndefined();
    expect(dimText(floorQuotient(addDims(sequence, 1), 2))).toBe('floor((sequence+1)/(2))');
  });

  it('know a bound that is never reached', () => {
    expect(largestOf(sequence, 1)).toEqual(sequence);
    expect(smallestOf(sequence, 0)).toBe(0);
    expect(dimText(smallestOf(64, sequence))).toBe('min(64,sequence)');
    expect(dimText(subtractDims(smallestOf(66, addDims(sequence, 2)), 2))).toBe('min(64,sequence)');
  });

  it('that cannot be told say why, and are equal to themselves alone', () => {
    const open = addDims(unknownDim('axis 0 of found'), 1);
    expect(whyUnknown(open)).toBe('axis 0 of found');
    expect(whyUnknown(sequence)).toBeUndefined();
    expect(at(open, { batch: 1, sequence: 1 })).toBeUndefined();
    expect(sameDim(open, addDims(unknownDim('axis 0 of other'), 1))).toBe(false);
    expect(isAtLeast(open, 0)).toBe(false);
  });
});
