import type { MethodSettings } from '../methods.js';
import type { RunRow } from '../sweep/results.js';
import { summarize, type Summary } from '../sweep/statistics.js';

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
 * What a setting does to the score while all others stay: runs that differ in one setting (and in the seed) belong to one slice. Slices with a single value say nothing and are left out.
 */
export function analyzeSensitivity(rows: readonly RunRow[]): SensitivityPoint[] {
  // Rows that are held out depend on the seed; data that differs with the same seed was another amount of it.
  const sets = groupBy(rows, ({ task, seed }) => JSON.stringify([task, seed]));
  const severalSets = new Set([...sets.values()].flatMap((group) => (new Set(group.map(({ data }) => data)).size > 1 ? [(group[0] as RunRow).task] : [])));
  return (Object.keys(FACTORS) as Factor[]).flatMap((factor) => {
    const slices = groupBy(rows, ({ task, method, model, data, settings }) => JSON.stringify([task, method, model, severalSets.has(task) ? data : '', { ...settings, [factor]: 0 }]));
    const telling = [...slices.values()].filter((slice) => new Set(slice.map(({ settings }) => settings[factor])).size > 1);
    const varying = varyingSettings(telling.flat(), factor);
    return telling.flatMap((slice) => {
      const byValue = [...groupBy(slice, ({ settings }) => String(settings[factor])).values()];
      const [{ task, method, metric, settings }] = slice as [RunRow];
      const text = varying.map((name) => `${name} ${String(settings[name])}`).join(', ');
      return byValue
        .flatMap((each) => {
          const summary = summarize(each.map(({ score }) => score));
          return summary === undefined ? [] : [{ factor, value: (each[0] as RunRow).settings[factor], task, method, metric, slice: text, ...summary }];
        })
        .toSorted((a, b) => a.value - b.value);
    });
  });
}

/** How far apart the best and the worst mean of a slice are, for each setting: the mean over its slices, in the unit of the score. */
export function spanOf(found: readonly SensitivityPoint[], factor: Factor): number | undefined {
  const slices = [...groupBy(found.filter((point) => point.factor === factor), ({ task, method, slice }) => JSON.stringify([task, method, slice])).values()];
  if (slices.length === 0) return undefined;
  const spans = slices.map((slice) => Math.max(...slice.map(({ mean }) => mean)) - Math.min(...slice.map(({ mean }) => mean)));
  return spans.reduce((sum, span) => sum + span, 0) / spans.length;
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Settings other than the factor in which slices differ. */
function varyingSettings(rows: readonly RunRow[], factor: Factor): (keyof MethodSettings)[] {
  const names = [...new Set(rows.flatMap(({ settings }) => Object.keys(settings) as (keyof MethodSettings)[]))];
  return names.filter((name) => name !== factor && name !== 'method' && new Set(rows.map(({ settings }) => JSON.stringify(settings[name]))).size > 1);
}
