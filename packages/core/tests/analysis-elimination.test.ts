import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  eliminate,
  kendallTau,
  leaveOneOut,
  rankAgreement,
  removeInOrder,
  scoreOnce,
  smallestWithin,
  type ScoreLayers,
} from '../src/analysis.js';
import { failure } from './support/failure.js';

/** What each layer adds to the score. Layers 1 and 2 do the same: one of them is enough. */
const WORTH = [0.05, 0.2, 0.2, 0, 0.1];
const score: ScoreLayers = async (kept) => {
  const useful = kept.filter((layer) => layer !== 2 || !kept.includes(1));
  const value = useful.reduce((sum, layer) => sum + (WORTH[layer] as number), 0.5);
  return { score: Math.round(value * 1000) / 1000, loss: 1 - value };
};
const LAYERS = [0, 1, 2, 3, 4];

describe('leaveOneOut', () => {
  it('finds what each layer is worth beside all others', async () => {
    const result = await leaveOneOut(LAYERS, score);
    expect(result.map(({ layer, lost }) => [layer, Math.round(lost * 1000) / 1000])).toEqual([
      [0, 0.05],
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0.1],
    ]);
    expect(result[4]?.lossRise).toBeCloseTo(0.1, 12);
  });
});

describe('eliminate', () => {
  it('removes what costs least first, and only one of two layers that do the same', async () => {
    const curve = await eliminate(LAYERS, score);
    expect(curve.map(({ removed, kept, score: value }) => [removed, kept.join(), value])).toEqual([
      [undefined, '0,1,2,3,4', 0.85],
      [1, '0,2,3,4', 0.85],
      [3, '0,2,4', 0.85],
      [0, '2,4', 0.8],
      [4, '2', 0.7],
      [2, '', 0.5],
    ]);
  });

  it('decides equal scores by the loss', async () => {
    const losses: ScoreLayers = async (kept) => ({ score: 1, loss: kept.includes(2) ? 2 : 1 });
    expect((await eliminate(LAYERS, losses, 4)).at(-1)?.removed).toBe(2);
  });

  it('scores each set once and stops where it is told', async () => {
    let asked = 0;
    const counted = scoreOnce(async (kept) => {
      asked++;
      return score(kept);
    });
    await leaveOneOut(LAYERS, counted);
    expect(asked).toBe(6);
    expect(await eliminate(LAYERS, counted, 3)).toHaveLength(3);
    // All, five without one, four without a second one.
    expect(asked).toBe(1 + 5 + 4);
    await eliminate([4, 3, 2, 1, 0], counted);
    expect(asked).toBe(1 + (5 * 6) / 2);
  });

  it('finds layers that do nothing before all others, wherever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 }), async (worth) => {
        const layers = worth.map((_, layer) => layer);
        const curve = await eliminate(layers, async (kept) => ({
          score: kept.reduce((sum, layer) => sum + (worth[layer] as number), 0),
          loss: 0,
        }));
        const removed = curve.slice(1).map((point) => worth[point.removed as number] as number);
        expect(removed).toEqual(worth.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('removeInOrder', () => {
  it('follows the order it is given', async () => {
    const curve = await removeInOrder([4, 0, 1, 2, 3], score);
    expect(curve.map(({ removed, kept }) => `${removed ?? '-'}:${kept.join()}`)).toEqual([
      '-:0,1,2,3,4',
      '4:0,1,2,3',
      '0:1,2,3',
      '1:2,3',
      '2:3',
      '3:',
    ]);
  });
});

describe('smallestWithin', () => {
  it('finds the fewest layers whose loss of score is within the budget', async () => {
    const curve = await eliminate(LAYERS, score);
    const kept = (budget: number): string => smallestWithin(curve, budget).kept.join();
    expect([0, 0.04, 0.05, 0.15, 1].map(kept)).toEqual(['0,2,4', '0,2,4', '2,4', '2', '2']);
  });

  it('takes a rounded difference for what it is, and never keeps nothing', () => {
    const point = (score: number, ...kept: number[]) => ({ kept, score, loss: 0 });
    expect(smallestWithin([point(0.9, 0, 1), point(0.895, 1), point(0.95)], 0.005).kept).toEqual([1]);
  });

  it('looks past a dip', () => {
    const point = (score: number, ...kept: number[]) => ({ kept, score, loss: 0 });
    expect(smallestWithin([point(0.9, 0, 1, 2), point(0.8, 0, 1), point(0.91, 1)], 0).kept).toEqual([1]);
  });
});

describe('rank agreement', () => {
  it('counts pairs that both sides put in the same order against those that they do not', () => {
    const x = [1, 2, 2, 3, 5, 5, 5, 0.5];
    const y = [2, 1, 2, 4, 4, 6, 5, 1];
    // Of 28 pairs 4 are tied on the left and 3 on the right; 20 are alike, 1 is opposite.
    expect(kendallTau(x, y)).toBeCloseTo(19 / Math.sqrt(24 * 25), 12);
    expect(rankAgreement(x, y).spearman).toBeCloseTo(0.8750683673869075, 12);
  });

  it('is 1 for the same order, −1 for the opposite, 0 for a constant', () => {
    expect(rankAgreement([1, 2, 3], [10, 20, 21])).toEqual({ spearman: 1, kendall: 1 });
    expect(rankAgreement([1, 2, 3], [3, 2, 1])).toEqual({ spearman: -1, kendall: -1 });
    expect(rankAgreement([1, 2, 3], [5, 5, 5])).toEqual({ spearman: 0, kendall: 0 });
  });

  it('refuses orders of different length', async () => {
    expect((await failure(() => kendallTau([1], [1, 2]))).code).toBe('METRIC_LENGTH');
  });
});
