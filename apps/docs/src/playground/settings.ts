import { twoStage, type Plan } from '@hadamard-adapter/core';

/** What can be chosen about a run. */
export interface Settings {
  readonly classifierEpochs: number;
  readonly classifierRate: number;
  readonly adapterEpochs: number;
  readonly adapterRate: number;
  readonly batchSize: number;
  /** Examples to use, at most: a tab is no place for millions. */
  readonly limit: number;
  /** Per cent of one's own examples that are set aside to score on. */
  readonly heldOut: number;
  readonly seed: number;
}

/**
 * Those of `hadamard demo`: a few hundred short texts make few steps an epoch, so it takes more epochs than a large
 * data set.
 */
export const DEFAULTS: Settings = {
  classifierEpochs: 10,
  classifierRate: 0.005,
  adapterEpochs: 20,
  adapterRate: 0.01,
  batchSize: 32,
  limit: 2000,
  heldOut: 20,
  seed: 0,
};

export interface Field {
  readonly key: keyof Settings;
  readonly label: string;
  readonly least: number;
  readonly most: number;
  /** A whole number, or any. */
  readonly whole: boolean;
  readonly group: 'Stage 1: classifier' | 'Stage 2: adapter' | 'Both';
}

export const FIELDS: readonly Field[] = [
  { key: 'classifierEpochs', label: 'Epochs', least: 1, most: 200, whole: true, group: 'Stage 1: classifier' },
  { key: 'classifierRate', label: 'Learning rate', least: 1e-6, most: 1, whole: false, group: 'Stage 1: classifier' },
  { key: 'adapterEpochs', label: 'Epochs', least: 1, most: 200, whole: true, group: 'Stage 2: adapter' },
  { key: 'adapterRate', label: 'Learning rate', least: 1e-6, most: 1, whole: false, group: 'Stage 2: adapter' },
  { key: 'batchSize', label: 'Texts per step', least: 1, most: 128, whole: true, group: 'Both' },
  { key: 'limit', label: 'Examples, at most', least: 2, most: 20_000, whole: true, group: 'Both' },
  { key: 'heldOut', label: 'Held out, per cent', least: 1, most: 90, whole: true, group: 'Both' },
  { key: 'seed', label: 'Seed', least: 0, most: 0xffffffff, whole: true, group: 'Both' },
];

/** What is wrong with a number that was typed; undefined when it will do. */
export function faultOf({ least, most, whole }: Field, text: string): string | undefined {
  const value = Number(text);
  const wanted = `${whole ? 'a whole number' : 'a number'} from ${least} to ${most}`;
  if (
    text.trim() === '' ||
    !Number.isFinite(value) ||
    (whole && !Number.isInteger(value)) ||
    value < least ||
    value > most
  )
    return `Expected ${wanted}.`;
  return undefined;
}

export function planOf({
  classifierEpochs,
  classifierRate,
  adapterEpochs,
  adapterRate,
  batchSize,
  seed,
}: Settings): Plan {
  return twoStage({
    classifier: { epochs: classifierEpochs, learningRate: classifierRate, batchSize },
    adapter: { epochs: adapterEpochs, learningRate: adapterRate, batchSize },
    seed,
  });
}

/** Steps of each stage. */
export function stepsOf(plan: Plan, examples: number): number[] {
  return plan.stages.map(
    ({ epochs, batchSize, accumulate }) => epochs * Math.ceil(Math.ceil(examples / batchSize) / accumulate),
  );
}
