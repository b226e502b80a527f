import { FormatError } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { readTable, toExamples } from '../src/index.js';
import { failure, survives } from './support/failure.js';
import { parquetFile } from './support/parquet.js';
import { cells, utf8 } from './support/tables.js';

const good = parquetFile({ text: ['a "quoted"\nline', 'żółć', null], label: [1n, 0n, 12n], score: [0.5, null, -2] });
const read = (bytes: Uint8Array): ReturnType<typeof readTable> => readTable(bytes, 'reviews.parquet');

describe('Parquet', () => {
  it('gives text, integers and numbers as text, and nulls as missing', async () => {
    const table = await read(good);
    expect(table.columns).toEqual(['text', 'label', 'score']);
    expect(cells(table)).toEqual([
      ['a "quoted"\nline', '1', '0.5'],
      ['żółć', '0', undefined],
      [undefined, '12', '-2'],
    ]);
    expect(table.rows.map(({ line }) => line)).toEqual([1, 2, 3]);
  });

  it('becomes examples like any other table', async () => {
    const { examples, labels } = toExamples(await read(good));
    expect(labels).toEqual(['0', '1', '12']);
    expect(examples).toEqual([
      { text: 'a "quoted"\nline', label: 1 },
      { text: 'żółć', label: 0 },
      { text: '', label: 2 },
    ]);
  });

  it('is read from the middle of a larger buffer', async () => {
    const larger = new Uint8Array(good.length + 20);
    larger.set(good, 10);
    expect(cells(await read(larger.subarray(10, 10 + good.length)))).toHaveLength(3);
  });

  it('is refused without rows', async () => {
    expect(await failure(() => read(parquetFile({ text: [] })))).toMatchObject({
      code: 'TABLE_EMPTY',
      found: 'no rows',
    });
  });

  it.each<[string, Uint8Array]>([
    ['garbage', utf8('this is no Parquet file, but text')],
    ['its magic number alone', utf8('PAR1')],
    ['a footer longer than the file', utf8('PAR1aaaaaaaaPAR1')],
    ['cut off at the end', good.subarray(0, -5)],
    ['cut off at the beginning', good.subarray(20)],
  ])('is refused when it is %s', async (_, bytes) => {
    const error = await failure(() => read(bytes));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe('PARQUET');
    expect(error.message).toMatch(/^reviews\.parquet cannot be read as Parquet: found /);
  });

  // The reader makes a row for each that the footer counts: nothing in the file has to back them.
  it('is refused when it counts more rows than it has', async () => {
    expect(await failure(() => read(parquetFile({ text: ['a', 'b'] }, { rows: 5 })))).toMatchObject({
      code: 'PARQUET',
      found: 'values for 2 of 5 rows',
    });
    const start = performance.now();
    expect(await failure(() => read(parquetFile({ text: ['a', 'b'] }, { rows: 1e12 })))).toMatchObject({
      code: 'PARQUET',
      found: expect.stringMatching(/^1000000000000 rows in \d+ bytes$/),
    });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('is refused when a page counts more values than it has', async () => {
    expect(await failure(() => read(parquetFile({ text: ['a', 'b'] }, { levels: 100_000 })))).toMatchObject({
      code: 'PARQUET',
    });
  });

  // The reader starts all columns before it looks a name up. One that fails while nobody waits for it would end the
  // process, and this run of the tests with it.
  it('is refused once when one column is not in the schema and another is damaged', async () => {
    const renamed = parquetFile({ text: ['a', 'b'], label: ['c', 'd'] }, { paths: ['text', 'other'] });
    const damaged = renamed.slice();
    damaged[4] = 0xff;
    for (const file of [renamed, damaged])
      expect(await failure(() => read(file))).toMatchObject({
        code: 'PARQUET',
        found: 'a column "other" that is not in the schema',
      });
    const twice = parquetFile({ text: ['a', 'b'], label: ['c', 'd'] }, { paths: ['text', 'text'] });
    expect(await failure(() => read(twice))).toMatchObject({ code: 'PARQUET', found: 'a column twice' });
    await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it('with any one byte changed is read or refused, never worse', async () => {
    const outcomes = { read: 0, refused: 0 };
    for (let at = 0; at < good.length; at++) {
      for (const value of [0, 0x7f, 0xff, (good[at] as number) ^ 1]) {
        const bytes = good.slice();
        bytes[at] = value;
        const result = await survives(() => read(bytes));
        outcomes[result === 'read' ? 'read' : 'refused']++;
        if (result !== 'read') expect(['PARQUET', 'TABLE_EMPTY', 'TABLE_ROW']).toContain(result.code);
      }
    }
    expect(outcomes.refused).toBeGreaterThan(good.length);
    expect(outcomes.read).toBeGreaterThan(0);
  });
});
