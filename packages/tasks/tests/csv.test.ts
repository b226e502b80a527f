import { describe, expect, it } from 'vitest';
import { readTable } from '../src/index.js';
import { failure } from './support/failure.js';
import { cells, utf8 } from './support/tables.js';

const read = (text: string): Promise<(string | undefined)[][]> => readTable(utf8(text), 'reviews.csv').then(cells);
const linesOf = async (text: string): Promise<number[]> =>
  (await readTable(utf8(text), 'reviews.csv')).rows.map(({ line }) => line);

describe('what people and spreadsheets write', () => {
  it.each<[string, string, string[][]]>([
    [
      'plain fields',
      'text,label\ngood,1\nbad,0\n',
      [
        ['good', '1'],
        ['bad', '0'],
      ],
    ],
    ['no line end after the last row', 'text,label\ngood,1', [['good', '1']]],
    ['quotes around a comma', 'text,label\n"good, mostly",1\n', [['good, mostly', '1']]],
    ['doubled quotes', 'text,label\n"a ""good"" one",1\n', [['a "good" one', '1']]],
    [
      'nothing but quotes',
      'text,label\n"""",1\n"",0\n',
      [
        ['"', '1'],
        ['', '0'],
      ],
    ],
    [
      'a line break in a cell',
      'text,label\n"first\nsecond",1\nx,0\n',
      [
        ['first\nsecond', '1'],
        ['x', '0'],
      ],
    ],
    [
      'CR LF',
      'text,label\r\n"a\r\nb",1\r\nx,0\r\n',
      [
        ['a\r\nb', '1'],
        ['x', '0'],
      ],
    ],
    [
      'CR LF with LF inside quotes, as Excel writes',
      'text,label\r\n"a\nb",1\r\nx,0\r\n',
      [
        ['a\nb', '1'],
        ['x', '0'],
      ],
    ],
    [
      'CR alone',
      'text,label\rgood,1\rbad,0\r',
      [
        ['good', '1'],
        ['bad', '0'],
      ],
    ],
    [
      'empty lines',
      '\ntext,label\n\ngood,1\n\n\nbad,0\n\n',
      [
        ['good', '1'],
        ['bad', '0'],
      ],
    ],
    [
      'empty cells',
      'text,label\n,1\nx,\n',
      [
        ['', '1'],
        ['x', ''],
      ],
    ],
    ['white space, which belongs to the text', 'text,label\n  x ,1\n', [['  x ', '1']]],
    ['letters of other alphabets', 'text,label\nżółć 漢字 🙂,1\n', [['żółć 漢字 🙂', '1']]],
  ])('%s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it('a byte-order mark, before a name or a quote', async () => {
    for (const text of ['\uFEFFtext,label\nx,1\n', '\uFEFF"text",label\nx,1\n'])
      expect((await readTable(utf8(text), 'x.csv')).columns).toEqual(['text', 'label']);
  });

  it('white space around the names of columns, which is nobody’s intention', async () => {
    expect((await readTable(utf8('text, label\nx,1\n'), 'x.csv')).columns).toEqual(['text', 'label']);
  });

  // A parser that settles on the first line ending reads the rest of such a file as one row.
  it.each<[string, string, string[][]]>([
    [
      'LF after CR LF',
      'text,label\r\ngood,1\nbad,0\n',
      [
        ['good', '1'],
        ['bad', '0'],
      ],
    ],
    [
      'CR LF after LF',
      'text,label\ngood,1\r\nbad,"0"\r\n',
      [
        ['good', '1'],
        ['bad', '0'],
      ],
    ],
    ['one column', 'text\r\ngood\nbad\n', [['good'], ['bad']]],
  ])('both line endings in one file: %s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it('columns with names of JavaScript’s own', async () => {
    expect(await read('constructor,__proto__,toString\na,b,c\n')).toEqual([['a', 'b', 'c']]);
  });
});

describe('line numbers', () => {
  it.each<[string, string, number[]]>([
    ['every row', 'a,b\n1,2\n3,4\n', [2, 3]],
    ['empty lines count', 'a,b\n\n1,2\n\n\n3,4', [3, 6]],
    ['a row of several lines begins on its first', 'a,b\n"x\ny",2\n3,4\n', [2, 4]],
    ['CR LF within quotes is one line break', 'a,b\r\n"x\r\n\r\ny",2\r\n"p\r\nq",4\r\n5,6', [2, 5, 7]],
    ['a header of several lines', '"a\r\nb",c\r\n1,2\r\n', [3]],
  ])('%s', async (_, text, expected) => {
    expect(await linesOf(text)).toEqual(expected);
  });
});

describe('what is refused', () => {
  it.each<[string, string, string, RegExp]>([
    ['a row with too many fields', 'a,b\n1,2\n1,2,3\n', 'TABLE_ROW', /found 3 in line 3, expected 2$/],
    ['a row with too few fields', 'a,b\n1,2\n\n1\n', 'TABLE_ROW', /found 1 in line 4, expected 2$/],
    [
      'a quote that is never closed',
      'a,b\n1,2\n"3,4\n5,6\n',
      'TABLE_ROW',
      /found line \d+: Quote Not Closed.+written twice/,
    ],
    ['a quote within a field', 'a,b\n1,a 7" disk\n', 'TABLE_ROW', /found line 2: Invalid Opening Quote.+written twice/],
    [
      'text after a closing quote',
      'a,b\n1,"7" disk\n',
      'TABLE_ROW',
      /found line 2: Invalid Closing Quote.+written twice/,
    ],
    [
      'two columns of one name',
      'text,label,text\na,b,c\n',
      'TABLE_COLUMNS',
      /found two columns called "text", expected a header with distinct names$/,
    ],
    [
      'two columns of one name but for white space',
      'text,label, text\na,b,c\n',
      'TABLE_COLUMNS',
      /found two columns called "text"/,
    ],
    ['a column without a name', 'text,,label\na,b,c\n', 'TABLE_COLUMNS', /found a column without a name/],
    [
      'a header only',
      'text,label\n',
      'TABLE_EMPTY',
      /found the header text, label and no rows, expected a header and rows$/,
    ],
    ['nothing but empty lines', '\r\n\r\n\r\n', 'TABLE_EMPTY', /found no rows/],
    ['nothing but a byte-order mark', '\uFEFF', 'TABLE_EMPTY', /found no rows/],
  ])('%s', async (_, text, code, message) => {
    const error = await failure(() => read(text));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('reviews.csv');
  });

  it('a cell of more than a million characters, where a quote is missing', async () => {
    const error = await failure(() => read(`a,b\n"${'x'.repeat(1_000_001)}",2\n`));
    expect(error).toMatchObject({
      code: 'TABLE_ROW',
      found: '1000001 characters in line 2',
      expected: 'at most 1000000',
    });
    expect(await failure(() => read(`a,b\n"${'x,y\n'.repeat(1_100_000)}`))).toMatchObject({
      code: 'TABLE_ROW',
      found: expect.stringContaining('Max Record Size'),
    });
  });

  it('a header of several lines or of text, with a message of one short line', async () => {
    expect((await failure(() => read('"a\nb",c\n'))).message).toMatch(/the header a b, c and no rows/);
    expect((await failure(() => read(`${'long '.repeat(100_000)},c\n`))).message.length).toBeLessThan(200);
  });
});
