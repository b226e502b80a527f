import { DataError } from '@hadamard-adapter/core';
import type { Row } from '../task.js';

/**
 * A column of a dataset.
 *
 * @param names it may have, the first one where there are several.
 * @returns undefined when no row has it and it is `optional`.
 * @throws DataError COLUMN_MISSING naming the first row that lacks it, and what that has.
 */
export function column<T>(rows: readonly Row[], names: readonly string[], optional = false): T[] | undefined {
  const name = names.find((each) => rows.some((row) => each in row));
  const missing = name === undefined ? 0 : rows.findIndex((row) => !(name in row));
  if (name !== undefined && missing === -1) return rows.map((row) => row[name] as T);
  if (name === undefined && optional) return undefined;
  throw new DataError('The dataset lacks a column', {
    code: 'COLUMN_MISSING',
    found: `row ${missing} with ${Object.keys(rows[missing] ?? {}).join(', ') || 'nothing'}`,
    expected: name ?? names.join(' or '),
  });
}

/** Texts, second texts and labels of a dataset, by the names that are in use. */
export function textColumns(rows: readonly Row[]): {
  texts: string[];
  text_pairs?: string[];
  labels?: (string | number)[];
} {
  const texts = column<string>(rows, ['text', 'sentence', 'sentence1', 'premise', 'question1', 'question']) as string[];
  const pairs = column<string>(rows, ['text_pair', 'sentence2', 'hypothesis', 'question2'], true);
  const labels = column<string | number>(rows, ['label', 'score', 'similarity_score'], true);
  return { texts, ...(pairs === undefined ? {} : { text_pairs: pairs }), ...(labels === undefined ? {} : { labels }) };
}
