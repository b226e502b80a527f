import { describe, expect, it } from 'vitest';
import { readTable, tableFormat } from '../src/index.js';
import { failure } from './support/failure.js';
import { parquetFile } from './support/parquet.js';
import { cells, utf8 } from './support/tables.js';

describe('the format of a table', () => {
  it.each([
    ['reviews.csv', 'csv'],
    ['REVIEWS.CSV', 'csv'],
    ['data/dev.tsv', 'tsv'],
    ['a.b.jsonl', 'jsonl'],
    ['rows.ndjson', 'jsonl'],
    ['part-0.Parquet', 'parquet'],
  ])('of %s is %s', (name, format) => {
    expect(tableFormat(name)).toBe(format);
  });

  it.each([
    ['reviews', 'no extension'],
    ['reviews.', 'no extension'],
    ['folder.csv/reviews', 'no extension'],
    ['reviews.xlsx', '.xlsx'],
    ['reviews.csv.gz', '.gz'],
    ['reviews.json', '.json'],
    ['reviews.constructor', '.constructor'],
  ])('of %s is not known', async (name, found) => {
    const error = await failure(() => tableFormat(name));
    expect(error).toMatchObject({
      code: 'TABLE_FORMAT',
      found,
      expected: '.csv, .tsv, .jsonl, .ndjson, .parquet',
      hint: 'Name the format.',
    });
    expect(error.message).toContain(name);
  });

  it('can be named, against the extension if need be', async () => {
    expect(cells(await readTable(utf8('a\tb\n1\t2\n'), 'rows.txt', 'tsv'))).toEqual([['1', '2']]);
    expect(cells(await readTable(utf8('{"a":"1"}'), 'rows.csv', 'jsonl'))).toEqual([['1']]);
  });

  it.each(['csv', 'tsv', 'jsonl', 'parquet'])('does not matter for an empty file: .%s', async (extension) => {
    expect(await failure(() => readTable(new Uint8Array(), `x.${extension}`))).toMatchObject({
      code: 'TABLE_EMPTY',
      found: '0 bytes',
      expected: 'a header and rows',
    });
  });
});

/** Two bytes for each character, as Windows programs write “Unicode”. */
function utf16(text: string, bigEndian: boolean): Uint8Array {
  const bytes = [...`\uFEFF${text}`].flatMap((character) => [
    character.charCodeAt(0) & 0xff,
    character.charCodeAt(0) >> 8,
  ]);
  return Uint8Array.from(bytes, (_, i) => bytes[bigEndian ? i ^ 1 : i] as number);
}

describe('a file that is not UTF-8 text', () => {
  const latin1 = Uint8Array.from('text,label\ncaf\u00E9,1\n', (character) => character.charCodeAt(0));
  it.each<[string, Uint8Array, RegExp]>([
    ['Latin-1', latin1, /^bytes of another encoding, perhaps Latin-1/],
    ['UTF-16', utf16('text,label\n', false), /^UTF-16$/],
    ['big-endian UTF-16', utf16('text,label\n', true), /^UTF-16$/],
    ['UTF-16 without a mark', utf16('text,label\n', false).subarray(2), /^binary data$/],
    ['a spreadsheet', utf8('PK\u0003\u0004rest'), /^a zip archive, perhaps a spreadsheet/],
    ['an old spreadsheet', Uint8Array.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1), /^an old Office document$/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), /^a gzip archive$/],
    ['a PDF', utf8('%PDF-1.7'), /^a PDF$/],
    ['Parquet', parquetFile({ text: ['a'] }), /^a Parquet file$/],
    ['anything with zeros', Uint8Array.of(65, 0, 66), /^binary data$/],
  ])('is named for what it looks like: %s', async (_, bytes, found) => {
    for (const extension of ['csv', 'tsv', 'jsonl']) {
      const error = await failure(() => readTable(bytes, `rows.${extension}`));
      expect(error).toMatchObject({ code: 'TEXT_ENCODING', found: expect.stringMatching(found), expected: 'UTF-8' });
      expect(error.message).toContain(`rows.${extension} is not UTF-8 text`);
    }
  });
});
