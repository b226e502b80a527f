import { basename, dirname, join, resolve } from 'node:path';
import { DataError } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { writeFilesAtomically } from '@hadamard-adapter/hub/node';
import type { Analyzed } from './analyze.js';
import { toCsv } from './csv.js';
import { reportPage } from './report/page.js';
import type { DataTable } from './table.js';

/** All tables of an analysis. */
export const tablesOf = ({ runs, sections }: Analyzed): DataTable[] => [
  runs,
  ...sections.flatMap(({ blocks }) => blocks.map(({ table }) => table)),
];

/**
 * Write the page and a CSV file for each table beside it: report.html, report.layers.csv, … Every file is written under
 * another name and then renamed, the page last.
 *
 * @returns the files, the page first.
 * @throws DataError OUTPUT_UNWRITABLE.
 */
export async function writeReport(path: string, analyzed: Analyzed, version: string): Promise<string[]> {
  const target = resolve(path);
  const stem = basename(target).replace(/\.html?$/i, '');
  const tables = tablesOf(analyzed);
  const files = new Map(tables.map(({ name }) => [name, `${stem}.${name}.csv`]));
  const contents: [string, string][] = [
    ...tables.map((table): [string, string] => [present(files.get(table.name)), toCsv(table)]),
    [basename(target), reportPage(analyzed, { version, files })],
  ];
  try {
    await writeFilesAtomically(dirname(target), Object.fromEntries(contents));
  } catch (cause) {
    throw new DataError('The report cannot be written', {
      code: 'OUTPUT_UNWRITABLE',
      found: cause instanceof Error ? cause.message : path,
      cause,
    });
  }
  return [basename(target), ...files.values()].map((name) => join(dirname(path), name));
}
