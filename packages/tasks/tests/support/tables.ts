import type { RawTable } from '../../src/index.js';

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The cells of a table row by row, in the order of its columns; undefined where a row has none. */
export function cells({ columns, rows }: RawTable): (string | undefined)[][] {
  return rows.map(({ values }) =>
    columns.map((column) => (Object.hasOwn(values, column) ? values[column] : undefined)),
  );
}

/** Fields as RFC 4180 has them, for any delimiter; what needs no quotes gets none, so that both kinds are read. */
export function separated(rows: readonly (readonly string[])[], delimiter: string, lineEnd = '\n'): string {
  const field = (text: string): string =>
    text === '' || /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => row.map(field).join(delimiter) + lineEnd).join('');
}

/** A table as `readTable` gives it, for tests of what comes after. */
export function rawTable(columns: readonly string[], ...rows: readonly (readonly string[])[]): RawTable {
  return {
    name: 'reviews.csv',
    columns,
    rows: rows.map((row, i) => ({
      line: i + 2,
      values: Object.fromEntries(columns.map((column, at) => [column, row[at] ?? ''])),
    })),
  };
}
