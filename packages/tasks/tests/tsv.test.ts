import { describe, expect, it } from 'vitest';
import { GLUE, readGlue, readTable } from '../src/index.js';
import { failure } from './support/failure.js';
import { cells, utf8 } from './support/tables.js';

const read = (text: string): Promise<(string | undefined)[][]> => readTable(utf8(text), 'reviews.tsv').then(cells);

describe('a tab-separated table of one’s own', () => {
  it.each<[string, string, string[][]]>([
    ['commas are text', 'text\tlabel\ngood, mostly\t1\n', [['good, mostly', '1']]],
    ['quotes around a tab and a line break', 'text\tlabel\n"a\tb\nc"\t1\n', [['a\tb\nc', '1']]],
    ['CR LF and a byte-order mark', '\uFEFFtext\tlabel\r\nx\t1\r\n', [['x', '1']]],
    [
      'empty cells',
      'text\tlabel\n\t1\nx\t\n',
      [
        ['', '1'],
        ['x', ''],
      ],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it('refuses a stray quote, and says where and what to do', async () => {
    const error = await failure(() => read('text\tlabel\nfine\t1\na 7" disk\t0\n'));
    expect(error.code).toBe('TABLE_ROW');
    expect(error.message).toMatch(/^reviews\.tsv cannot be read as TSV: found line 3: .+ is quoted\.$/);
  });
});

describe('a file of GLUE', () => {
  // These files quote nothing. A reader that unquotes joins all lines from one stray quote to the next, and has fewer
  // rows without noticing.
  const rows = ['"we left early', 'he said "no"', '"quite" so', 'a 7" disk', '"', 'all is well"', '""', "it's 5' 7\""];

  it('keeps unbalanced quotes as text, and every line as a row', async () => {
    const file = utf8(`sentence\tlabel\n${rows.map((row, i) => `${row}\t${i % 2}\n`).join('')}`);
    const { train } = await readGlue(GLUE.sst2, async () => file);
    expect(train.examples.map(({ text }) => text)).toEqual(rows);
    expect(train.examples.map(({ label }) => label)).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(train.skipped).toEqual([]);
  });
});
