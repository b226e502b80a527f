import { DataError, permutation } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { quote } from './text.js';

/** One text, or a pair of texts, with what is to be predicted of it. */
export interface Example {
  readonly text: string;
  readonly pair?: string;
  /** Class index, or the target of a regression; absent for text to classify. */
  readonly label?: number;
}

/** What kind of prediction the labels ask for. */
export type Kind = 'classification' | 'regression';

/** Labelled examples and the names of their classes. */
export interface ExampleTable {
  readonly kind: Kind;
  readonly examples: readonly Example[];
  /** Class names by index; for a regression the one name of its target. */
  readonly labels: readonly string[];
  /** Rows of the file that were left out, and why: known defects of published files. */
  readonly skipped: readonly { readonly line: number; readonly reason: string }[];
}

/** At most `size` examples, chosen at random with a seed and kept in their order. */
export function limitExamples(table: ExampleTable, size: number, seed = 0): ExampleTable {
  if (size >= table.examples.length) return table;
  const chosen = permutation(table.examples.length, seed, 'limit').slice(0, size).toSorted();
  return { ...table, examples: Array.from(chosen, (row) => elementAt(table.examples, row)) };
}

/**
 * Set a share of the examples aside, of every class alike and at random with a seed: [rest, held out].
 *
 * @throws DataError HOLDOUT when either part would be empty.
 */
export function holdOut(table: ExampleTable, share: number, seed = 0): [ExampleTable, ExampleTable] {
  const byClass = new Map<number | undefined, number[]>();
  for (const row of permutation(table.examples.length, seed, 'holdout')) {
    const label = table.kind === 'classification' ? table.examples[row]?.label : undefined;
    const rows = byClass.get(label);
    if (rows === undefined) byClass.set(label, [row]);
    else rows.push(row);
  }
  const held = new Set([...byClass.values()].flatMap((rows) => rows.slice(0, Math.round(rows.length * share))));
  if (held.size === 0 || held.size === table.examples.length) {
    throw new DataError('The data cannot be divided into training and held-out examples', {
      code: 'HOLDOUT',
      found: `${held.size} of ${table.examples.length} held out at a share of ${share}`,
      expected: 'at least one on either side',
      hint: 'Give a file of its own for evaluation.',
    });
  }
  const part = (keep: boolean): ExampleTable => ({
    ...table,
    examples: table.examples.filter((_, row) => held.has(row) === keep),
  });
  return [part(false), part(true)];
}

/**
 * Refuse data that nothing can be learned from.
 *
 * @throws DataError DATA_EMPTY, DATA_ONE_CLASS.
 */
export function checkTrainable(table: ExampleTable, name: string): void {
  if (table.examples.length === 0)
    throw new DataError(`${name} has no examples`, { code: 'DATA_EMPTY', found: '0 rows', expected: 'at least 2' });
  const present = new Set(table.examples.map(({ label }) => label));
  if (table.kind === 'classification' && present.size < 2) {
    const [only] = present;
    throw new DataError(`${name} has one class only`, {
      code: 'DATA_ONE_CLASS',
      found: `${quote(table.labels[only ?? 0] ?? '')} in all ${table.examples.length} rows`,
      expected: 'at least two classes',
    });
  }
}
