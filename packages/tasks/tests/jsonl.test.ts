import { describe, expect, it } from 'vitest';
import { readTable, toExamples } from '../src/index.js';
import { failure } from './support/failure.js';
import { cells, utf8 } from './support/tables.js';

const read = (text: string): ReturnType<typeof readTable> => readTable(utf8(text), 'reviews.jsonl');

describe('JSON lines', () => {
  it('gives numbers and booleans as text', async () => {
    const table = await read('{"text":"a","label":1}\n{"text":"b","label":-0.5}\n{"text":"c","label":true}\n');
    expect(table.columns).toEqual(['text', 'label']);
    expect(cells(table)).toEqual([
      ['a', '1'],
      ['b', '-0.5'],
      ['c', 'true'],
    ]);
  });

  it('takes empty lines, CR LF, white space, a byte-order mark and a missing line end; counts lines', async () => {
    const table = await read('\uFEFF{"text":"a"}\r\n\r\n  {"text":"b"}  \n\n{"text":"c"}');
    expect(table.rows).toEqual([
      { line: 1, values: { text: 'a' } },
      { line: 3, values: { text: 'b' } },
      { line: 5, values: { text: 'c' } },
    ]);
  });

  it('leaves out null, lists and objects; columns are those of all rows together', async () => {
    const table = await read('{"text":"a","meta":{"x":1},"note":null}\n{"text":"b","label":"good","tags":["x"]}\n');
    expect(table.columns).toEqual(['text', 'label']);
    expect(cells(table)).toEqual([
      ['a', undefined],
      ['b', 'good'],
    ]);
  });

  it('keeps escapes, line breaks and quotes in strings', async () => {
    expect(cells(await read(String.raw`{"text":"a\nb \"c\" \u00e9 \ud83d\ude42"}`))).toEqual([['a\nb "c" é 🙂']]);
  });

  it('knows a missing cell from what every JavaScript object inherits', async () => {
    const table = await read('{"text":"a","constructor":"x"}\n{"text":"b"}\n{"constructor":"y"}\n');
    expect(await failure(() => toExamples(table, { text: 'text', label: 'constructor' }))).toMatchObject({
      code: 'LABEL_MISSING',
      found: '1, first in line 2',
    });
    const { examples } = toExamples(table, { text: 'constructor', labelled: false });
    expect(examples.map(({ text }) => text)).toEqual(['x', '', 'y']);
  });

  it.each<[string, string, RegExp]>([
    [
      'no JSON',
      'good,1',
      /^Line 3 of reviews\.jsonl is not a JSON object: found .+, expected one object per line, such as \{"text"/,
    ],
    ['cut off', '{"text":"a', /^Line 3 .+ found .*JSON/],
    ['a list', '["a", 1]', /found a list, expected/],
    ['a string', '"a"', /found "\\"a\\""/],
    ['a number', '17', /found "17"/],
    ['null', 'null', /found "null"/],
  ])('names the line that is %s', async (_, line, message) => {
    const error = await failure(() => read(`{"text":"a"}\n\n${line}\n{"text":"b"}\n`));
    expect(error.code).toBe('JSONL_ROW');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('Line 3 of reviews.jsonl');
  });

  it('refuses a JSON file of several lines at its first', async () => {
    expect(await failure(() => read('[\n  {"text": "a"}\n]\n'))).toMatchObject({
      code: 'JSONL_ROW',
      message: expect.stringContaining('Line 1 '),
    });
  });

  it('refuses a string of more than a million characters', async () => {
    const error = await failure(() => read(`{"text":"a"}\n{"text":"${'x'.repeat(1_000_001)}"}\n`));
    expect(error).toMatchObject({ code: 'TABLE_ROW', found: '1000001 characters in line 2' });
  });

  it('refuses a file of empty lines', async () => {
    expect(await failure(() => read('\n \n\t\n'))).toMatchObject({ code: 'TABLE_EMPTY', found: 'no rows' });
  });
});
