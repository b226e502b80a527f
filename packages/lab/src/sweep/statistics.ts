import { mean, sampleStandardDeviation } from 'simple-statistics';
import { present } from '@hadamard-adapter/core/internal';

/** Mean and sample standard deviation of some scores. */
export interface Summary {
  readonly n: number;
  readonly mean: number;
  /** Absent for one value: it does not spread. */
  readonly deviation?: number;
}

/** Of no values there is nothing to say. */
export function summarize(values: readonly number[]): Summary | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  return { n, mean: mean(values), ...(n === 1 ? {} : { deviation: sampleStandardDeviation(values) }) };
}

/** Differences `of − to`, seed by seed, over the seeds that both have: what the seeds have in common falls out. */
export function pairedDifference(
  of: ReadonlyMap<number, number>,
  to: ReadonlyMap<number, number>,
): Summary | undefined {
  return summarize(
    [...of].flatMap(([seed, score]) => {
      const other = to.get(seed);
      return other === undefined ? [] : [score - other];
    }),
  );
}

/**
 * The part of the way from `floor` to `ceiling` that the scores have gone, over the seeds that all have: 0 is as good
 * as the floor, 1 as the ceiling. Undefined where no seed is common, or there is no way to speak of: over all seeds
 * that both have, the ceiling has to be above by more than their paired difference varies, or shares of chance would be
 * told as hundreds of per cent.
 */
export function partOfWay(
  scores: ReadonlyMap<number, number>,
  floor: ReadonlyMap<number, number>,
  ceiling: ReadonlyMap<number, number>,
): number | undefined {
  const distance = pairedDifference(ceiling, floor);
  if (distance === undefined || distance.mean <= (distance.deviation ?? 0)) return undefined;
  const seeds = [...scores.keys()].filter((seed) => floor.has(seed) && ceiling.has(seed));
  if (seeds.length === 0) return undefined;
  const over = (all: ReadonlyMap<number, number>): number => mean(seeds.map((seed) => present(all.get(seed))));
  const way = over(ceiling) - over(floor);
  return way > 0 ? (over(scores) - over(floor)) / way : undefined;
}
