import { DataError } from '@hadamard-adapter/core';
import type { TableFormat } from '@hadamard-adapter/tasks';

/** More than a tab should hold: a table takes some twenty times its size while it is read. */
const MAX_FILE = 10 * 2 ** 20;
/** A text box slows down long before. */
export const MAX_PASTE = 1_000_000;

const ELSEWHERE =
  'Take a part of it, or train with "hadamard train" on the command line, which takes tables of any size.';

/** @throws DataError TABLE_SIZE, before a byte is read. */
export function checkFile(file: File): void {
  if (file.size <= MAX_FILE) return;
  throw new DataError(`${file.name} is too large for this page`, {
    code: 'TABLE_SIZE',
    found: megabytes(file.size),
    expected: `at most ${megabytes(MAX_FILE)}`,
    hint: ELSEWHERE,
  });
}

/** @throws DataError TABLE_SIZE. */
export function checkPaste(characters: number): void {
  if (characters <= MAX_PASTE) return;
  throw new DataError('The text is too long to paste', {
    code: 'TABLE_SIZE',
    found: `${characters.toLocaleString('en')} characters`,
    expected: `at most ${MAX_PASTE.toLocaleString('en')}`,
    hint: 'Save it as a file and drop it here.',
  });
}

/** A spreadsheet copies cells with tabs between them. */
export function formatOfPaste(text: string): TableFormat {
  const [first = ''] = text.slice(0, 100_000).split('\n', 1);
  if (first.trimStart().startsWith('{')) return 'jsonl';
  return first.includes('\t') ? 'tsv' : 'csv';
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
