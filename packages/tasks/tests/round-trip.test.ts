import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTable } from '../src/index.js';
import { parquetFile } from './support/parquet.js';
import { cells, separated, utf8 } from './support/tables.js';

/** Text that gives parsers trouble, besides any other. */
const troublesome = fc
  .array(
    fc.constantFrom(
      '"',
      '""',
      ',',
      '\t',
      '\n',
      '\r\n',
      '\r',
      "'",
      ';',
      '\\',
      ' ',
      'a',
      'é',
      '🙂',
      '{',
      '\uFEFF',
      '\u2028',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
const cell = fc.oneof(troublesome, fc.string({ unit: 'grapheme', maxLength: 20 })).map(storable);
// The names of columns are trimmed, must not be empty, and are told apart.
const header = (width: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(
    fc
      .oneof(cell, fc.constantFrom('text', 'label', '__proto__', 'constructor'))
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    { minLength: width, maxLength: width },
  );
const grid = fc
  .integer({ min: 1, max: 5 })
  .chain((width) =>
    fc.tuple(
      header(width),
      fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
    ),
  );

/** A zero is taken for a sign of a binary file. */
function storable(text: string): string {
  return text.replaceAll('\0', '');
}

describe.each([
  ['csv', ','],
  ['tsv', '\t'],
] as const)('%s', (format, delimiter) => {
  it.each([
    ['LF', '\n'],
    ['CR LF', '\r\n'],
  ])('written with %s and read gives the same cells', async (_, lineEnd) => {
    await fc.assert(
      fc.asyncProperty(grid, fc.boolean(), async ([columns, rows], mark) => {
        const table = await readTable(
          utf8((mark ? '\uFEFF' : '') + separated([columns, ...rows], delimiter, lineEnd)),
          `x.${format}`,
        );
        expect(table.columns).toEqual(columns);
        expect(cells(table)).toEqual(rows);
      }),
      { numRuns: 500 },
    );
  });

  it('each row knows the line it begins on', async () => {
    const plain = fc
      .array(fc.constantFrom('a', '"', '\n', '\r\n', delimiter), { maxLength: 6 })
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(plain, plain), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        async (rows, lineEnd) => {
          const texts = [['x', 'y'], ...rows].map((row) => separated([row], delimiter, lineEnd));
          const { rows: read } = await readTable(utf8(texts.join('')), `x.${format}`);
          const before = (index: number): string => texts.slice(0, index + 1).join('');
          expect(read.map(({ line }) => line)).toEqual(rows.map((_, i) => before(i).split('\n').length));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('jsonl', () => {
  it('written and read gives the same cells', async () => {
    await fc.assert(
      fc.asyncProperty(grid, fc.constantFrom('\n', '\r\n', '\n\n'), async ([columns, rows], lineEnd) => {
        const lines = rows.map((row) =>
          JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]]))),
        );
        const table = await readTable(utf8(lines.join(lineEnd)), 'x.jsonl');
        expect(cells(table)).toEqual(rows.map((row) => table.columns.map((column) => row[columns.indexOf(column)])));
        expect(table.columns.toSorted()).toEqual(columns.toSorted());
      }),
      { numRuns: 500 },
    );
  });

  it('numbers and booleans come back as JavaScript writes them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.integer()), {
          minLength: 1,
        }),
        async (values) => {
          const table = await readTable(utf8(values.map((x) => JSON.stringify({ x })).join('\n')), 'x.jsonl');
          expect(cells(table)).toEqual(values.map((value) => [String(Object.is(value, -0) ? 0 : value)]));
        },
      ),
    );
  });
});

describe('parquet', () => {
  it('written and read gives the same cells', async () => {
    // Beyond the library: a column called __proto__, and a byte-order mark at the beginning of a cell.
    const table = grid
      .filter(([columns]) => !columns.includes('__proto__'))
      .map(([columns, rows]) => [columns, rows.map((row) => row.map((text) => text.replace(/^\uFEFF+/, '')))] as const);
    await fc.assert(
      fc.asyncProperty(table, async ([columns, rows]) => {
        const read = await readTable(
          parquetFile(Object.fromEntries(columns.map((column, i) => [column, rows.map((row) => row[i] as string)]))),
          'x.parquet',
        );
        expect(cells(read)).toEqual(rows.map((row) => read.columns.map((column) => row[columns.indexOf(column)])));
        expect(read.columns.toSorted()).toEqual(columns.toSorted());
      }),
      { numRuns: 200 },
    );
  });
});
