import { DataError, FormatError } from '@hadamard-adapter/core';
import { CsvError, parse } from 'csv-parse/browser/esm/sync';
import { parquetReadObjects } from 'hyparquet';
import { MAX_FIELD, decodeText, quote } from './text.js';

export type TableFormat = 'csv' | 'tsv' | 'jsonl' | 'parquet';

/** Rows of a file as text by column, with the line each began on (for Parquet its row number). */
export interface RawTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly line: number; readonly values: Readonly<Record<string, string>> }[];
}

const EXTENSIONS: Readonly<Record<string, TableFormat>> = { csv: 'csv', tsv: 'tsv', jsonl: 'jsonl', ndjson: 'jsonl', parquet: 'parquet' };

/** @throws DataError TABLE_FORMAT when the extension tells nothing. */
export function tableFormat(name: string): TableFormat {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase();
  const format = extension === undefined ? undefined : EXTENSIONS[extension];
  if (format !== undefined) return format;
  throw new DataError(`The format of ${name} is not known`, { code: 'TABLE_FORMAT', found: extension === undefined ? 'no extension' : `.${extension}`, expected: Object.keys(EXTENSIONS).map((key) => `.${key}`).join(', '), hint: 'Name the format.' });
}

/**
 * Read a table: CSV and TSV with a header row (RFC 4180 quoting), JSON Lines, Parquet.
 *
 * @throws DataError TABLE_EMPTY, TABLE_COLUMNS (duplicate or empty names), TABLE_ROW (another number of fields, an unclosed quote, a field too long), JSONL_ROW, TEXT_ENCODING;
 * FormatError PARQUET.
 */
export async function readTable(bytes: Uint8Array, name: string, format: TableFormat = tableFormat(name)): Promise<RawTable> {
  if (bytes.byteLength === 0) throw emptyTable(name, '0 bytes');
  const table = format === 'parquet' ? await readParquet(bytes, name) : format === 'jsonl' ? readJsonLines(decodeText(bytes, name), name) : readSeparated(decodeText(bytes, name), name, format);
  if (table.rows.length === 0) throw emptyTable(name, table.columns.length === 0 ? 'no rows' : `the header ${table.columns.join(', ')} and no rows`);
  return table;
}

function emptyTable(name: string, found: string): DataError {
  return new DataError(`${name} is empty`, { code: 'TABLE_EMPTY', found, expected: 'a header and rows' });
}

function readSeparated(text: string, name: string, format: 'csv' | 'tsv'): RawTable {
  let records: { info: { lines: number }; record: string[] }[];
  try {
    records = parse(text, { bom: true, delimiter: format === 'csv' ? ',' : '\t', info: true, skip_empty_lines: true, relax_column_count: true, max_record_size: 4 * MAX_FIELD }) as unknown as typeof records;
  } catch (cause) {
    const where = cause instanceof CsvError && typeof cause['lines'] === 'number' ? `line ${cause['lines']}: ` : '';
    throw new DataError(`${name} cannot be read as ${format.toUpperCase()}`, {
      code: 'TABLE_ROW',
      found: `${where}${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'A quote inside a quoted field is written twice; a field with a quote, a separator or a line break is quoted.',
      cause,
    });
  }
  const [header, ...body] = records;
  const columns = (header?.record ?? []).map((column) => column.trim());
  checkColumns(columns, name);
  const rows = body.map(({ record, info }) => {
    // `info.lines` is where the record ended.
    const line = info.lines - record.reduce((breaks, field) => breaks + (field.match(/\n/g)?.length ?? 0), 0);
    if (record.length !== columns.length) {
      throw new DataError(`A row of ${name} has another number of fields than the header`, { code: 'TABLE_ROW', found: `${record.length} in line ${line}`, expected: String(columns.length) });
    }
    return { line, values: Object.fromEntries(columns.map((column, i) => [column, checkField(record[i] as string, name, line)])) };
  });
  return { name, columns, rows };
}

function checkColumns(columns: readonly string[], name: string): void {
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice === undefined && !columns.includes('')) return;
  throw new DataError(`The columns of ${name} are not told apart`, { code: 'TABLE_COLUMNS', found: twice === undefined ? 'a column without a name' : `two columns called ${quote(twice)}`, expected: 'a header with distinct names' });
}

function checkField(value: string, name: string, line: number): string {
  if (value.length <= MAX_FIELD) return value;
  throw new DataError(`A field of ${name} is too long`, { code: 'TABLE_ROW', found: `${value.length} characters in line ${line}`, expected: `at most ${MAX_FIELD}` });
}

function readJsonLines(text: string, name: string): RawTable {
  const rows: { line: number; values: Record<string, string> }[] = [];
  const columns = new Set<string>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const values = new Map<string, string>();
    for (const [key, value] of Object.entries(parseRow(line, name, i + 1))) {
      if (value === null || typeof value === 'object') continue;
      columns.add(key);
      values.set(key, checkField(String(value), name, i + 1));
    }
    rows.push({ line: i + 1, values: Object.fromEntries(values) });
  }
  return { name, columns: [...columns], rows };
}

function parseRow(line: string, name: string, number: number): object {
  let found: string;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    found = Array.isArray(value) ? 'a list' : quote(line);
  } catch (cause) {
    found = cause instanceof Error ? cause.message : quote(line);
  }
  throw new DataError(`Line ${number} of ${name} is not a JSON object`, { code: 'JSONL_ROW', found, expected: 'one object per line, such as {"text": "…", "label": "…"}' });
}

async function readParquet(bytes: Uint8Array, name: string): Promise<RawTable> {
  let objects: Record<string, unknown>[];
  try {
    const buffer = bytes.slice().buffer;
    objects = await parquetReadObjects({ file: { byteLength: buffer.byteLength, slice: async (start, end) => buffer.slice(start, end) } });
  } catch (cause) {
    throw new FormatError(`${name} cannot be read as Parquet`, { code: 'PARQUET', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
  const columns = Object.keys(objects[0] ?? {});
  const rows = objects.map((object, i) => ({
    line: i + 1,
    values: Object.fromEntries(Object.entries(object).flatMap(([key, value]) => (value === null || value === undefined || typeof value === 'object' ? [] : [[key, String(value as string | number | bigint | boolean)]]))),
  }));
  return { name, columns, rows };
}
