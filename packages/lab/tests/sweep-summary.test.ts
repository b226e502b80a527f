import { describe, expect, it } from 'vitest';
import { settingsOf } from '../src/methods.js';
import { printSweep } from '../src/output/sweep-table.js';
import type { PlannedRun } from '../src/sweep/plan-runs.js';
import type { RunRow } from '../src/sweep/results.js';
import { pairedDifference, partOfWay, summarize } from '../src/sweep/statistics.js';
import { summarizeSweep, type SweepSummary } from '../src/sweep/summary.js';
import { vi } from 'vitest';

const seeds = (values: readonly number[], from = 0): Map<number, number> =>
  new Map(values.map((value, i) => [from + i, value]));

describe('statistics over seeds', () => {
  it('mean and sample standard deviation', () => {
    expect(summarize([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ n: 8, mean: 5, deviation: Math.sqrt(32 / 7) });
  });

  it('one value has no deviation, none have no mean', () => {
    expect(summarize([0.5])).toEqual({ n: 1, mean: 0.5 });
    expect(summarize([])).toBeUndefined();
  });

  it('differences are paired: what two methods have in common falls out', () => {
    const difference = pairedDifference(seeds([0.6, 0.8, 1]), seeds([0.5, 0.7, 0.9]));
    expect(difference).toMatchObject({ n: 3, mean: expect.closeTo(0.1) });
    expect(difference?.deviation).toBeCloseTo(0);
  });

  it('only seeds that both have count', () => {
    expect(pairedDifference(seeds([1, 2, 4], 1), seeds([1, 1], 2))).toEqual({ n: 2, mean: 2, deviation: Math.SQRT2 });
    expect(pairedDifference(seeds([1], 0), seeds([1], 1))).toBeUndefined();
  });
});

describe('the distance to full fine-tuning', () => {
  it('is counted over the seeds that all have', () => {
    expect(partOfWay(seeds([0.1, 0.6, 0.1]), seeds([0.5, 0.5]), seeds([0.9], 1))).toBeCloseTo(0.25, 12);
    expect(partOfWay(seeds([0.4]), seeds([0.5]), seeds([0.9]))).toBeCloseTo(-0.25, 12);
  });

  it('is none where full fine-tuning is not above, or no seed is common', () => {
    expect(partOfWay(seeds([0.6]), seeds([0.5]), seeds([0.5]))).toBeUndefined();
    expect(partOfWay(seeds([0.6]), seeds([0.5]), seeds([0.9], 1))).toBeUndefined();
  });

  it('is none where full fine-tuning is above by less than its seeds differ, whichever seeds a method has', () => {
    const [floor, ceiling] = [seeds([0.8, 0.8, 0.8]), seeds([0.81, 0.82, 0.78])];
    expect(partOfWay(seeds([0.7, 0.7, 0.7]), floor, ceiling)).toBeUndefined();
    expect(partOfWay(seeds([0.7, 0.7]), floor, ceiling)).toBeUndefined();
    expect(partOfWay(seeds([0.85, 0.85]), floor, seeds([0.89, 0.91, 0.9]))).toBeCloseTo(0.5, 12);
  });

  it('stands in the table of a sweep that has both, for all others', () => {
    const { runs, rows } = sweepOf({
      classifier: { 1: [0.5, 0.6] },
      full: { 1: [0.9, 1] },
      hadamard: { 1: [0.6, 0.7], 2: [0.7, 0.8] },
    });
    const kinds = runs.map((run) => ({ ...run, settings: settingsOf({ method: run.method as 'full' }) }));
    const { settings } = summarizeSweep(kinds, rows, 'classifier');
    expect(settings.map(({ closed }) => closed)).toEqual([
      undefined,
      undefined,
      expect.closeTo(0.25, 12),
      expect.closeTo(0.5, 12),
    ]);
    expect(printed(summarizeSweep(kinds, rows, 'classifier'))).toEqual(
      expect.arrayContaining([
        '|task|method|settings|metric|score|seeds|trained|share|of the distance|',
        '|task|hadamard|lr 2 *|accuracy|0.7500 ± 0.0707|2|36,864|0.0337 %|50 %|',
      ]),
    );
    // Without full fine-tuning there is nothing to close.
    expect(
      summarizeSweep(
        kinds.filter(({ method }) => method !== 'full'),
        rows,
        'classifier',
      ).settings.every(({ closed }) => closed === undefined),
    ).toBe(true);
  });
});

/** Lines of the tables that are printed, without padding. */
function printed(summary: SweepSummary): string[] {
  let text = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  printSweep(summary, 'classifier');
  spy.mockRestore();
  return text.split('\n').map((line) => line.replaceAll(/\s*[│]\s*/g, '|'));
}

/** Runs of `task` by method and learning rate, with a score for each seed; undefined is not finished. */
function sweepOf(scores: Readonly<Record<string, Readonly<Record<string, readonly (number | undefined)[]>>>>): {
  runs: PlannedRun[];
  rows: RunRow[];
} {
  const runs: PlannedRun[] = [];
  const rows: RunRow[] = [];
  for (const [method, grid] of Object.entries(scores)) {
    for (const [variant, [lr, values]] of Object.entries(grid).entries()) {
      for (const [seed, score] of values.entries()) {
        const key = `${method} ${lr} ${seed}`;
        const shown = Object.keys(grid).length > 1 ? { lr: Number(lr) } : {};
        runs.push({
          key,
          task: 'task',
          method,
          settings: settingsOf({ method: 'hadamard' }),
          seed,
          variant,
          shown,
        } as unknown as PlannedRun);
        if (score !== undefined)
          rows.push({
            key,
            task: 'task',
            method,
            seed,
            metric: 'accuracy',
            score,
            trainable: 36_864,
            total: 109_482_240,
          } as unknown as RunRow);
      }
    }
  }
  return { runs, rows };
}

describe('the tables of a sweep', () => {
  const { runs, rows } = sweepOf({
    classifier: { 1: [0.5, 0.6, 0.7] },
    hadamard: { 1: [0.6, 0.6, 0.6], 2: [0.7, 0.8, undefined], 3: [undefined, undefined, undefined] },
  });
  const summary = summarizeSweep(runs, rows, 'classifier');

  it('have a row for each setting, with the best of each method marked', () => {
    expect(
      summary.settings.map(({ method, shown, score, best, missing }) => [method, shown, score?.n ?? 0, best, missing]),
    ).toEqual([
      ['classifier', {}, 3, false, 0],
      ['hadamard', { lr: 1 }, 3, false, 0],
      ['hadamard', { lr: 2 }, 2, true, 1],
      ['hadamard', { lr: 3 }, 0, false, 3],
    ]);
  });

  it('have the difference of best settings over common seeds', () => {
    expect(summary.differences).toHaveLength(1);
    expect(summary.differences[0]).toMatchObject({
      method: 'hadamard',
      against: 'classifier',
      shown: { lr: 2 },
      difference: { n: 2, mean: expect.closeTo(0.2), deviation: expect.closeTo(0) },
    });
  });

  it('are printed with numbers trained, and a dash for what is not there', () => {
    expect(printed(summary)).toEqual(
      expect.arrayContaining([
        '|task|method|settings|metric|score|seeds|trained|share|',
        '|task|classifier||accuracy|0.6000 ± 0.1000|3|36,864|0.0337 %|',
        '|task|hadamard|lr 2 *|accuracy|0.7500 ± 0.0707|2 of 3|36,864|0.0337 %|',
        '|task|hadamard|lr 3||–|0 of 3|–|–|',
        '|task|hadamard|lr 2|+0.2000 ± 0.0000|2|',
      ]),
    );
  });

  it('of one seed have no spread', () => {
    const one = sweepOf({ classifier: { 1: [0.5] }, hadamard: { 1: [0.75] } });
    expect(summarizeSweep(one.runs, one.rows, 'classifier').differences[0]?.difference).toEqual({ n: 1, mean: 0.25 });
  });
});
