import { ConfigError } from '@hadamard-adapter/core';
import { openTokenizer } from '@hadamard-adapter/cli/internal';
import type { Environment } from './environment.js';
import { runKey, type Run } from './run.js';
import type { Sweep } from './spec.js';

/** A run of a sweep, and the setting that it is of. */
export interface PlannedRun extends Run {
  /** Index in the variants of its method. */
  readonly variant: number;
  /** What of its settings a grid goes over. */
  readonly shown: Readonly<Record<string, unknown>>;
}

/**
 * All runs of a sweep: task by task, seed by seed, method by method, so that neighbours share their data. Everything is
 * read once, so that what is wrong with it is known before anything is trained.
 *
 * Two labels may stand for one run, which then has the same key twice.
 *
 * @throws what `loadData`, `openTokenizer` and `modelIdentity` throw.
 */
export async function planRuns(sweep: Sweep, environment: Environment): Promise<PlannedRun[]> {
  openTokenizer(environment.model, sweep.maxLength);
  const runs: PlannedRun[] = [];
  for (const source of sweep.tasks) {
    for (const seed of sweep.seeds) {
      const { data, digest } = await environment.data(source.flags, seed);
      if (data.train === undefined)
        throw new ConfigError(`The task ${source.name} has nothing to train on`, { code: 'DATA_FLAGS' });
      for (const { label, variants } of sweep.methods) {
        for (const [variant, { settings, shown }] of variants.entries()) {
          const identity = {
            model: await environment.identity(settings.head === 'model'),
            data: digest,
            task: source.name,
            metric: data.metric.name,
            settings,
            seed,
            ...(sweep.maxLength === undefined ? {} : { maxLength: sweep.maxLength }),
            arithmetic: sweep.arithmetic,
            ...(sweep.device === 'cpu' ? {} : { device: sweep.device }),
          };
          const { limit } = source.flags;
          runs.push({
            ...identity,
            key: runKey(identity),
            method: label,
            ...(limit === undefined ? {} : { limit }),
            modelName: environment.model.name,
            source,
            variant,
            shown,
          });
        }
      }
    }
  }
  return runs;
}

/** Each run once. */
export const distinct = <T extends Pick<Run, 'key'>>(runs: readonly T[]): T[] =>
  [...new Map(runs.toReversed().map((run) => [run.key, run])).values()].toReversed();
