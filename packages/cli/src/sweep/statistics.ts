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
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean };
  return { n, mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)) };
}

/** Differences `of − to`, seed by seed, over the seeds that both have: what the seeds have in common falls out. */
export function pairedDifference(of: ReadonlyMap<number, number>, to: ReadonlyMap<number, number>): Summary | undefined {
  return summarize(
    [...of].flatMap(([seed, score]) => {
      const other = to.get(seed);
      return other === undefined ? [] : [score - other];
    }),
  );
}
