import { DataError } from '@hadamard-adapter/core';
import type { Row } from '../task.js';

/**
 * A column of a dataset.
 *
 * @param names it may have, the first one where there are several.
 * @throws DataError COLUMN_MISSING naming the first row that lacks it, and what that has.
 */
export function column<T>(rows: readonly Row[], names: readonly string[]): T[] {
  const name = names.find((each) => rows.some((row) => each in row));
  const missing = name === undefined ? 0 : rows.findIndex((row) => !(name in row));
  // What stands in a cell is checked where it is read as a text, as a label …
  if (name !== undefined && missing === -1) return rows.map((row) => row[name] as T);
  throw new DataError('The dataset lacks a column', {
    code: 'COLUMN_MISSING',
    found: `row ${missing} with ${Object.keys(rows[missing] ?? {}).join(', ') || 'nothing'}`,
    expected: name ?? names.join(' or '),
  });
}

/** The same of a column that a dataset may do without: undefined when no row has it. */
export const columnIfAny = <T>(rows: readonly Row[], names: readonly string[]): T[] | undefined =>
  names.some((name) => rows.some((row) => name in row)) ? column<T>(rows, names) : undefined;

/** Texts, second texts and labels of a dataset, by the names that are in use. */
export function textColumns(rows: readonly Row[]): {
  texts: string[];
  text_pairs?: string[];
  labels?: (string | number)[];
} {
  const texts = column<string>(rows, ['text', 'sentence', 'sentence1', 'premise', 'question1', 'question']);
  const pairs = columnIfAny<string>(rows, ['text_pair', 'sentence2', 'hypothesis', 'question2']);
  const labels = columnIfAny<string | number>(rows, ['label', 'score', 'similarity_score']);
  return { texts, ...(pairs === undefined ? {} : { text_pairs: pairs }), ...(labels === undefined ? {} : { labels }) };
}
