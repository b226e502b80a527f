import { mean } from 'simple-statistics';
import { keysOf } from '@hadamard-adapter/core/internal';
import type { MethodSettings } from '../methods.js';
import type { RunRow } from '../sweep/results.js';
import { summarize, type Summary } from '../sweep/statistics.js';
import { groupBy } from '../group-by.js';

/** The settings that are looked at, with what they are called. */
export const FACTORS = {
  lr: 'learning rate of stage two',
  epochs: 'epochs of stage two',
  classifierLr: 'learning rate of stage one',
  classifierEpochs: 'epochs of stage one',
  batchSize: 'batch size',
} as const satisfies Partial<Record<keyof MethodSettings, string>>;

export type Factor = keyof typeof FACTORS;

/** Scores of one value of a setting, all other settings alike. */
export interface SensitivityPoint extends Summary {
  readonly factor: Factor;
  readonly value: number;
  readonly task: string;
  readonly method: string;
  readonly metric: string;
  /** The other settings that vary in the sweep, as text; runs of one slice have them in common. */
  readonly slice: string;
}

/**
 * What a setting does to the score while all others stay: runs that differ in one setting (and in the seed) belong to
 * one slice. Slices with a single value say nothing and are left out.
 *
 * @param rows whose tasks are named apart (`tasksApart`).
 */
export function analyzeSensitivity(rows: readonly RunRow[]): SensitivityPoint[] {
  return keysOf(FACTORS).flatMap((factor) => {
    const slices = groupBy(rows, ({ task, method, settings }) =>
      JSON.stringify([task, method, { ...settings, [factor]: 0 }]),
    );
    const telling = [...slices.values()].filter(
      (slice) => new Set(slice.map(({ settings }) => settings[factor])).size > 1,
    );
    const varying = varyingSettings(telling.flat(), factor);
    return telling.flatMap((slice) => {
      const byValue = [...groupBy(slice, ({ settings }) => String(settings[factor])).values()];
      const [{ task, method, metric, settings }] = slice;
      const text = varying.map((name) => `${name} ${String(settings[name])}`).join(', ');
      return byValue
        .flatMap((each) => {
          const summary = summarize(each.map(({ score }) => score));
          return summary === undefined
            ? []
            : [{ factor, value: each[0].settings[factor], task, method, metric, slice: text, ...summary }];
        })
        .toSorted((a, b) => a.value - b.value);
    });
  });
}

/**
 * How far apart the best and the worst mean of a slice are, for each setting: the mean over its slices, in the unit of
 * the score.
 */
export function spanOf(found: readonly SensitivityPoint[], factor: Factor): number | undefined {
  const slices = [
    ...groupBy(
      found.filter((point) => point.factor === factor),
      ({ task, method, slice }) => JSON.stringify([task, method, slice]),
    ).values(),
  ];
  if (slices.length === 0) return undefined;
  const spans = slices.map(
    (slice) => Math.max(...slice.map(({ mean }) => mean)) - Math.min(...slice.map(({ mean }) => mean)),
  );
  return mean(spans);
}

/** Settings other than the factor in which slices differ. */
function varyingSettings(rows: readonly RunRow[], factor: Factor): (keyof MethodSettings)[] {
  const names = [...new Set(rows.flatMap(({ settings }) => keysOf(settings)))];
  return names.filter(
    (name) =>
      name !== factor &&
      name !== 'method' &&
      new Set(rows.map(({ settings }) => JSON.stringify(settings[name]))).size > 1,
  );
}
