import { DataError, FormatError } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { CsvError, parse } from 'csv-parse/browser/esm/sync';
import { parquetMetadata, parquetReadObjects, parquetSchema, type FileMetaData, type SchemaTree } from 'hyparquet';
import { MAX_FIELD, columnList, decodeText, quote, reason } from './text.js';

export type TableFormat = 'csv' | 'tsv' | 'jsonl' | 'parquet';

/** Rows of a file as text by column, with the line each began on (for Parquet its row number). */
export interface RawTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly line: number; readonly values: Readonly<Record<string, string>> }[];
}

const EXTENSIONS: Readonly<Record<string, TableFormat>> = {
  csv: 'csv',
  tsv: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  parquet: 'parquet',
};

/** @throws DataError TABLE_FORMAT when the extension tells nothing. */
export function tableFormat(name: string): TableFormat {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase();
  const format = extension !== undefined && Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
  if (format !== undefined) return format;
  throw new DataError(`The format of ${name} is not known`, {
    code: 'TABLE_FORMAT',
    found: extension === undefined ? 'no extension' : `.${extension}`,
    expected: Object.keys(EXTENSIONS)
      .map((key) => `.${key}`)
      .join(', '),
    hint: 'Name the format.',
  });
}

/**
 * Read a table: CSV and TSV with a header row (RFC 4180 quoting), JSON Lines, Parquet.
 *
 * @throws DataError TABLE_EMPTY, TABLE_COLUMNS (duplicate or empty names), TABLE_ROW (another number of fields, an
 *   unclosed quote, a field too long), JSONL_ROW, TEXT_ENCODING; FormatError PARQUET.
 */
export async function readTable(
  bytes: Uint8Array,
  name: string,
  format: TableFormat = tableFormat(name),
): Promise<RawTable> {
  if (bytes.byteLength === 0) throw emptyTable(name, '0 bytes');
  const table =
    format === 'parquet'
      ? await readParquet(bytes, name)
      : format === 'jsonl'
        ? readJsonLines(decodeText(bytes, name), name)
        : readSeparated(decodeText(bytes, name), name, format);
  if (table.rows.length === 0)
    throw emptyTable(
      name,
      table.columns.length === 0 ? 'no rows' : `the header ${columnList(table.columns)} and no rows`,
    );
  return table;
}

function emptyTable(name: string, found: string): DataError {
  return new DataError(`${name} is empty`, { code: 'TABLE_EMPTY', found, expected: 'a header and rows' });
}

function readSeparated(text: string, name: string, format: 'csv' | 'tsv'): RawTable {
  let records: { info: { lines: number }; record: string[] }[];
  try {
    records = parse(text, {
      bom: true,
      delimiter: format === 'csv' ? ',' : '\t',
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: 4 * MAX_FIELD,
      ...lineEndings(text),
    }) as unknown as typeof records;
  } catch (cause) {
    const where = cause instanceof CsvError && typeof cause['lines'] === 'number' ? `line ${cause['lines']}: ` : '';
    throw new DataError(`${name} cannot be read as ${format.toUpperCase()}`, {
      code: 'TABLE_ROW',
      found: `${where}${reason(cause)}`,
      hint:
        'A quote inside a quoted field is written twice; a field with a quote, a separator or a line break is ' +
        'quoted.',
      cause,
    });
  }
  const lines = firstLines(records);
  const [header, ...body] = records;
  const columns = (header?.record ?? []).map((column) => column.trim());
  checkColumns(columns, name);
  const rows = body.map(({ record }, i) => {
    const line = elementAt(lines, i + 1);
    if (record.length !== columns.length) {
      throw new DataError(`A row of ${name} has another number of fields than the header`, {
        code: 'TABLE_ROW',
        found: `${record.length} in line ${line}`,
        expected: String(columns.length),
      });
    }
    return {
      line,
      values: Object.fromEntries(columns.map((column, i) => [column, checkField(elementAt(record, i), name, line)])),
    };
  });
  return { name, columns, rows };
}

/**
 * The parser settles on the first line ending it sees; a file that was put together from two has both, and would become
 * one long row.
 */
function lineEndings(text: string): { record_delimiter?: string[] } {
  return /\r\n/.test(text) && /(?:^|[^\r])\n/.test(text) ? { record_delimiter: ['\r\n', '\n'] } : {};
}

/** The line each record begins on. The parser says where it ended, and counts CR LF inside quotes as two. */
function firstLines(
  records: readonly { readonly info: { readonly lines: number }; readonly record: readonly string[] }[],
): number[] {
  const count = (record: readonly string[], pattern: RegExp): number =>
    record.reduce((sum, field) => sum + (field.match(pattern)?.length ?? 0), 0);
  let twice = 0;
  return records.map(({ info, record }) => {
    const line = info.lines - count(record, /[\r\n]/g) - twice;
    twice += count(record, /\r\n/g);
    return line;
  });
}

function checkColumns(columns: readonly string[], name: string): void {
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice === undefined && !columns.includes('')) return;
  throw new DataError(`The columns of ${name} are not told apart`, {
    code: 'TABLE_COLUMNS',
    found: twice === undefined ? 'a column without a name' : `two columns called ${quote(twice)}`,
    expected: 'a header with distinct names',
  });
}

function checkField(value: string, name: string, line: number): string {
  if (value.length <= MAX_FIELD) return value;
  throw new DataError(`A field of ${name} is too long`, {
    code: 'TABLE_ROW',
    found: `${value.length} characters in line ${line}`,
    expected: `at most ${MAX_FIELD}`,
  });
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
    found = reason(cause);
  }
  throw new DataError(`Line ${number} of ${name} is not a JSON object`, {
    code: 'JSONL_ROW',
    found,
    expected: 'one object per line, such as {"text": "…", "label": "…"}',
  });
}

/**
 * Refuse a file whose column chunks are not those of its schema, each once. The reader finds out after it has begun to
 * read other columns, and does not wait for these: if one of them fails as well, that is an unhandled rejection, which
 * ends the process.
 */
function checkParquetColumns(metadata: FileMetaData): void {
  const schema = parquetSchema(metadata);
  for (const { columns } of metadata.row_groups) {
    const paths = columns.map(({ meta_data: meta }) => meta?.path_in_schema ?? []);
    for (const path of paths) {
      const leaf = path.reduce<SchemaTree | undefined>(
        (tree, name) => tree?.children.find(({ element }) => element.name === name),
        schema,
      );
      if (leaf === undefined || leaf === schema || leaf.children.length > 0)
        throw new RangeError(`a column ${quote(path.join('.'))} that is not in the schema`);
    }
    if (new Set(paths.map((path) => JSON.stringify(path))).size < paths.length) throw new RangeError('a column twice');
  }
}

/**
 * The reader makes as many rows as the file claims. Equal values take next to no room, so a true claim may be large,
 * but not as large as a damaged one.
 */
const MAX_ROWS = 1_000_000;
const MAX_ROWS_PER_BYTE = 256;

async function readParquet(bytes: Uint8Array, name: string): Promise<RawTable> {
  let objects: Record<string, unknown>[];
  try {
    const buffer = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(buffer);
    const claimed = metadata.row_groups.reduce((sum, { num_rows: rows }) => sum + Number(rows), 0);
    if (!(claimed <= MAX_ROWS + MAX_ROWS_PER_BYTE * buffer.byteLength))
      throw new RangeError(`${claimed} rows in ${buffer.byteLength} bytes`);
    checkParquetColumns(metadata);
    objects = await parquetReadObjects({
      metadata,
      file: { byteLength: buffer.byteLength, slice: async (start, end) => buffer.slice(start, end) },
    });
    // Nulls are null; a row past the end of its columns is there but has nothing.
    const short = objects.findIndex((object) => Object.values(object).every((value) => value === undefined));
    if (short >= 0) throw new RangeError(`values for ${short} of ${claimed} rows`);
  } catch (cause) {
    throw new FormatError(`${name} cannot be read as Parquet`, { code: 'PARQUET', found: reason(cause), cause });
  }
  const columns = Object.keys(objects[0] ?? {});
  const rows = objects.map((object, i) => ({
    line: i + 1,
    values: Object.fromEntries(
      Object.entries(object).flatMap(([key, value]) =>
        value === null || value === undefined || typeof value === 'object' ? [] : [[key, String(value)]],
      ),
    ),
  }));
  return { name, columns, rows };
}
