import { formatCount } from '@hadamard-adapter/core';
import { groupBy } from '../group-by.js';
import { short } from '../sweep/canonical.js';
import type { RunRow } from '../sweep/results.js';

/** Something a score depends on that is neither task nor method nor seed. */
interface Condition {
  readonly of: (row: RunRow) => string;
  /** For people. Different for runs that differ. */
  readonly words: (row: RunRow) => string;
}

const CONDITIONS: readonly Condition[] = [
  { of: ({ modelFiles }) => modelFiles, words: ({ modelFiles }) => `tokenizer and config ${short(modelFiles)}` },
  {
    of: ({ limit }) => String(limit),
    words: ({ limit }) => (limit === undefined ? 'all examples' : `${formatCount(limit)} examples`),
  },
  {
    of: ({ maxLength }) => String(maxLength),
    words: ({ maxLength }) => (maxLength === undefined ? 'whole texts' : `${maxLength} tokens`),
  },
  { of: ({ arithmetic }) => arithmetic, words: ({ arithmetic }) => arithmetic },
  { of: ({ metric }) => metric, words: ({ metric }) => `by ${metric}` },
];

/** Which base model a run had. With its own classifier a model has another hash: then it is known by its name. */
function modelCondition(rows: readonly RunRow[]): Condition {
  const nameOf = ({ modelName, modelFiles }: RunRow): string => JSON.stringify([modelName, modelFiles]);
  const withoutHead = new Map(rows.flatMap((row) => (row.settings.head === 'model' ? [] : [[nameOf(row), row.model]])));
  const of = (row: RunRow): string =>
    (row.settings.head === 'model' ? withoutHead.get(nameOf(row)) : undefined) ?? row.model;
  return { of, words: (row) => `${row.modelName} ${short(of(row))}` };
}

/**
 * What to call the task of each run, so that runs of one name can be compared: where a task was run under several
 * conditions (first on 1,000 examples, then on all) it is as many tasks, named by what differs.
 */
export function tasksApart(rows: readonly RunRow[]): ReadonlyMap<RunRow, string> {
  const names = new Map<RunRow, string>();
  for (const [task, own] of groupBy(rows, ({ task }) => task)) {
    const differing = [modelCondition(own), ...CONDITIONS].filter(({ of }) => new Set(own.map(of)).size > 1);
    const named = groupBy(own, (row) => [task, ...differing.map(({ words }) => words(row))].join(', '));
    for (const [name, alike] of named) {
      // Rows that are held out, or left over by a limit, depend on the seed. Data that differs with the same seed is
      // other data.
      const several = [...groupBy(alike, ({ seed }) => String(seed)).values()].some(
        (ofSeed) => new Set(ofSeed.map(({ data }) => data)).size > 1,
      );
      for (const row of alike) names.set(row, several ? `${name}, data ${short(row.data)}` : name);
    }
  }
  return names;
}
