import { describe, expect, it } from 'vitest';
import { largest, largestDifference, within } from '../src/compare.js';

describe('largestDifference', () => {
  it('is the largest absolute one, of either sign', () => {
    expect(largestDifference([1, 2, 3], [1, 2.5, 3.25], 'x')).toBe(0.5);
    expect(largestDifference([1, 5], [1, 2], 'x')).toBe(3);
    expect(largestDifference([], [], 'x')).toBe(0);
  });

  it.each([
    ['not a number', Number.NaN, 1],
    ['infinite', Number.POSITIVE_INFINITY, 1],
    ['expected to be infinite', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])('is beyond every bound when a value is %s, wherever it stands', (_, found, expected) => {
    for (const at of [0, 1, 2]) {
      const [left, right] = [
        [5, 1, 2],
        [4, 1, 2],
      ];
      left[at] = found;
      right[at] = expected;
      expect(largestDifference(left, right, 'x')).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('looks at relevant entries only, but at the length always', () => {
    expect(largestDifference([1, 9, Number.NaN], [1, 2, 3], 'x', (i) => i === 0)).toBe(0);
    expect(() => largestDifference([1], [1, 2], 'logits', () => false)).toThrow('logits: 1 numbers instead of 2');
  });
});

describe('within', () => {
  it('answers the error at the bound, and fails beyond it', () => {
    expect(within(1e-5, 1e-5, 'x')).toBe(1e-5);
    expect(() => within(1.1e-5, 1e-5, 'loss')).toThrow('loss: off by 1.10e-5, allowed 1e-5');
    expect(() => within(Number.NaN, 1, 'x')).toThrow('off by NaN');
  });
});

describe('largest', () => {
  it('is the largest absolute value', () => {
    expect(largest([1, -3, 2])).toBe(3);
    expect(largest([])).toBe(0);
  });
});
