import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  METRICS,
  accuracy,
  baselineScores,
  f1,
  macroF1,
  majorityClass,
  matthews,
  pearson,
  spearman,
} from '../src/index.js';
import { failure } from './support/failure.js';

const a = [0, 1, 1, 0, 1, 0, 1, 1, 0, 0];
const b = [0, 1, 0, 0, 1, 1, 1, 1, 0, 1];
const c = [0, 1, 2, 2, 1, 0, 1, 2, 0, 1];
const d = [0, 2, 2, 2, 1, 0, 0, 2, 1, 1];

describe('classification metrics', () => {
  it('agree with hand and NumPy', () => {
    expect(accuracy(a, b)).toBe(0.7);
    expect(f1(a, b)).toBeCloseTo((2 * 4) / 11, 12);
    expect(f1(a, b, 0)).toBeCloseTo((2 * 3) / 9, 12);
    expect(matthews(a, b)).toBeCloseTo(0.408248290463863, 12);
    expect(matthews(c, d)).toBeCloseTo(0.5606060606060609, 12);
    expect(macroF1(c, d)).toBeCloseTo(0.6984126984126985, 12);
  });

  it('are 0, not NaN, on constant predictions and on nothing', () => {
    const constant = Array.from({ length: 10 }, () => 0);
    expect([matthews(constant, b), matthews(b, constant), f1(constant, constant), f1(constant, b)]).toEqual([
      0, 0, 0, 0,
    ]);
    expect([accuracy([], []), f1([], []), macroF1([], []), matthews([], [])]).toEqual([0, 0, 0, 0]);
  });

  it('are 1 on perfect predictions', () => {
    expect([accuracy(c, c), macroF1(c, c), matthews(c, c), f1(a, a)]).toEqual([1, 1, 1, 1]);
  });
});

describe('correlations', () => {
  // SciPy 1: pearsonr and spearmanr
  const x = [1, 2, 2, 3, 5, 5, 5, 0.5];
  const y = [2, 1, 2, 4, 4, 6, 5, 1];

  it('agree with SciPy, ties included', () => {
    expect(pearson(x, y)).toBeCloseTo(0.8988708898619817, 12);
    expect(spearman(x, y)).toBeCloseTo(0.8750683673869075, 12);
    expect(spearman([1, 1, 1, 2], [4, 3, 2, 1])).toBeCloseTo(-0.7745966692414834, 12);
  });

  it('do not depend on the order of the pairs', () => {
    expect(spearman(x.toReversed(), y.toReversed())).toBeCloseTo(spearman(x, y), 12);
  });

  it('are 0 when a side is constant, even when its mean is rounded, and when there are fewer than two values', () => {
    expect([
      pearson([0.1, 0.1, 0.1], [1, 2, 3]),
      spearman([1, 2, 3], [0.1, 0.1, 0.1]),
      pearson([1], [2]),
      spearman([], []),
    ]).toEqual([0, 0, 0, 0]);
  });

  it('lie between −1 and 1 for all finite numbers', () => {
    const numbers = fc.array(
      fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true, noDefaultInfinity: true })),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(numbers, (pairs) => {
        for (const measure of [pearson, spearman]) {
          const value = measure(
            pairs.map(([p]) => p),
            pairs.map(([, q]) => q),
          );
          expect(value >= -1 && value <= 1).toBe(true);
        }
      }),
    );
  });

  it('refuse what is not a number', async () => {
    expect((await failure(() => pearson([1, NaN], [1, 2]))).code).toBe('METRIC_NOT_FINITE');
    expect((await failure(() => spearman([1, 2], [1]))).code).toBe('METRIC_LENGTH');
    expect((await failure(() => accuracy([1, 2], [1]))).code).toBe('METRIC_LENGTH');
  });
});

describe('METRICS', () => {
  const logits = new Float32Array([2, 1, 0, 3, 1, 0, 0, 5]);
  const labels = new Float32Array([0, 1, 1, 1]);

  it('each compute their main score under its name', () => {
    for (const [name, metric] of Object.entries(METRICS)) {
      expect(metric.main).toBe(name);
      expect(metric.compute(new Float32Array([1, 2, 3, 4]), new Float32Array([0, 1, 0, 1]), 1)).toHaveProperty(name);
    }
  });

  it('average two scores as GLUE does', () => {
    expect(METRICS.accuracy_f1.compute(logits, labels, 2)).toEqual({
      accuracy: 0.75,
      f1: 0.8,
      accuracy_f1: (0.75 + 0.8) / 2,
    });
    const scores = METRICS.pearson_spearmanr.compute(new Float32Array([1, 2, 4]), new Float32Array([0, 1, 2]), 1);
    expect(scores.pearson_spearmanr).toBeCloseTo(((scores.pearson as number) + 1) / 2, 12);
  });

  it('score labels that can be combined', () => {
    expect(METRICS.f1_micro.compute(new Float32Array([1, -1, 1, 1]), new Float32Array([1, 0, 0, 1]), 2)).toEqual({
      f1_micro: 0.8,
      accuracy: 0.75,
    });
  });
});

describe('baseline', () => {
  it('answers the majority class of the training labels', () => {
    expect(majorityClass(new Float32Array([2, 1, 2, 0]), 3)).toBe(2);
    expect(majorityClass(new Float32Array([1, 0]), 2)).toBe(0);
    expect(
      baselineScores(
        new Float32Array([1, 1, 0]),
        new Float32Array([1, 0, 1, 1]),
        METRICS.accuracy_f1,
        'cross-entropy',
        2,
      ),
    ).toMatchObject({ accuracy: 0.75, f1: 6 / 7 });
  });

  it('answers the mean target, which correlates with nothing', () => {
    expect(baselineScores(new Float32Array([1, 2]), new Float32Array([1, 5, 2]), METRICS.pearson, 'mse', 1)).toEqual({
      pearson: 0,
    });
  });

  it('answers each label by its own majority', () => {
    const scores = baselineScores(
      new Float32Array([1, 0, 1, 0, 1, 1]),
      new Float32Array([1, 0, 0, 1]),
      METRICS.f1_micro,
      'bce',
      2,
    );
    expect(scores).toEqual({ f1_micro: 0.5, accuracy: 0.5 });
  });
});
