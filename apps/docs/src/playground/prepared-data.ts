import {
  checkTrainable,
  holdOut,
  limitExamples,
  readTable,
  toExamples,
  type Example,
  type ExampleTable,
  type RawTable,
} from '@hadamard-adapter/tasks';
import type { ColumnChoice } from './table-summary.js';

/** Examples that are ready to be trained and scored on. Plain data: it goes between workers, and to disk. */
export interface PreparedData {
  readonly name: string;
  readonly labels: readonly string[];
  readonly train: readonly Example[];
  readonly dev: readonly Example[];
}

export interface PrepareOptions {
  readonly limit: number;
  /** Share of the examples that is set aside. */
  readonly heldOut: number;
  readonly seed: number;
}

/** A table of one's own: some of it is set aside to score on. */
export function prepareTable(
  table: RawTable,
  columns: ColumnChoice,
  { limit, heldOut, seed }: PrepareOptions,
): PreparedData {
  const examples = toExamples(table, columns);
  checkTrainable(examples, table.name);
  const [train, dev] = holdOut(limitExamples(examples, limit, seed), heldOut, seed);
  checkTrainable(train, `What is left of ${table.name} to train on`);
  return { name: table.name, labels: examples.labels, train: train.examples, dev: dev.examples };
}

/** The example texts have a file of their own to score on. */
export async function prepareExamples(
  trainFile: Uint8Array,
  testFile: Uint8Array,
  { limit, seed }: PrepareOptions,
): Promise<PreparedData> {
  const train = toExamples(await readTable(trainFile, 'train.csv'));
  const test = toExamples(await readTable(testFile, 'test.csv'), { labels: train.labels });
  return {
    name: 'Example texts',
    labels: train.labels,
    train: limitExamples(train, limit, seed).examples,
    dev: test.examples,
  };
}

export const tableOf = ({ labels }: PreparedData, examples: readonly Example[]): ExampleTable => ({
  kind: 'classification',
  labels,
  examples,
  skipped: [],
});
