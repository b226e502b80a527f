import { describe, expect, it } from 'vitest';
import { GLUE, readGlue, type ExampleTable, type GlueId } from '../src/index.js';
import { failure } from './support/failure.js';
import { FILES, folder, tsv } from './support/glue.js';

const readTrain = async (id: GlueId, file: string): Promise<ExampleTable> =>
  (await readGlue(GLUE[id], async () => new TextEncoder().encode(file))).train;
/** Good rows around bad ones: up to one in ten may be bad. */
const sst2 = (...bad: string[]): string =>
  `sentence\tlabel\n${'fine\t1\n'.repeat(10 * bad.length)}${bad.map((row) => `${row}\n`).join('')}`;

describe('files that are not there', () => {
  it.each(Object.values(GLUE))('$id: none', async (task) => {
    const error = await failure(() => readGlue(task, folder({})));
    expect(error).toMatchObject({
      code: 'TASK_FILES',
      found: `none of train.tsv, ${task.folders[0]}/train.tsv`,
      expected: 'the official glue_data layout',
    });
    expect(error.message).toContain(`The files of ${task.name} are not there`);
  });

  it.each(
    Object.values(GLUE).flatMap((task) =>
      task.dev.map(({ files }) => ({ task, file: `${task.folders[0]}/${files[0]}` })),
    ),
  )('$task.id: $file', async ({ task, file }) => {
    const { [file]: gone, ...rest } = FILES[task.id];
    expect(gone).toBeDefined();
    const error = await failure(() => readGlue(task, folder(rest)));
    expect(error.code).toBe('TASK_FILES');
    expect(error.found).toContain(`none of ${file}`);
  });

  it('of another task in the same folder are no substitute', async () => {
    expect(await failure(() => readGlue(GLUE.rte, folder(FILES.qnli)))).toMatchObject({ code: 'TASK_FILES' });
  });

  it('MRPC has two names for each of its own', async () => {
    const renamed = {
      'MRPC/msr_paraphrase_train.txt': FILES.mrpc['MRPC/train.tsv'] as string,
      'MRPC/msr_paraphrase_test.txt': FILES.mrpc['MRPC/dev.tsv'] as string,
    };
    expect(await readGlue(GLUE.mrpc, folder(renamed))).toEqual(await readGlue(GLUE.mrpc, folder(FILES.mrpc)));
    const { found } = await failure(() =>
      readGlue(GLUE.mrpc, folder({ 'MRPC/train.tsv': renamed['MRPC/msr_paraphrase_train.txt'] })),
    );
    expect(found).toBe('none of MRPC/dev.tsv, MRPC/msr_paraphrase_test.txt');
  });
});

describe('rows that published files are known to have', () => {
  it('QQP: a question broken over two lines; both halves are left out and counted', async () => {
    const good = Array.from({ length: 20 }, (_, i) => [i, 1, 2, `Question ${i}?`, 'The same?', i % 2]);
    const broken = [[20, 3, 4, 'Is it', ''].join('\t').trimEnd(), ['so?', 'Is that so?', '1'].join('\t')];
    const table = await readTrain(
      'qqp',
      `${tsv(['id', 'qid1', 'qid2', 'question1', 'question2', 'is_duplicate'], ...good)}${broken.join('\n')}\n`,
    );
    expect(table.examples).toHaveLength(20);
    expect(table.skipped).toEqual([
      { line: 22, reason: '4 fields instead of 6' },
      { line: 23, reason: '3 fields instead of 6' },
    ]);
  });

  it('MNLI: a hyphen where annotators did not agree', async () => {
    const header = ['sentence1', 'sentence2', 'gold_label'];
    const table = await readTrain(
      'mnli',
      tsv(header, ['a', 'b', '-'], ...Array.from({ length: 10 }, () => ['a', 'b', 'neutral'])),
    );
    expect(table.examples).toHaveLength(10);
    expect(table.skipped).toEqual([{ line: 2, reason: 'label "-"' }]);
  });

  it.each([
    ['no score', '', 'label ""'],
    ['a word for a score', 'abc', 'label "abc"'],
    ['NaN', 'NaN', 'label "NaN"'],
    ['an infinite score', 'Infinity', 'label "Infinity"'],
  ])('STS-B: %s', async (_, score, reason) => {
    const row = (value: string): string[] => ['0', 'main', 'notes', '2020', '0', 'none', 'none', 'a', 'b', value];
    const header = [
      'index',
      'genre',
      'filename',
      'year',
      'old_index',
      'source1',
      'source2',
      'sentence1',
      'sentence2',
      'score',
    ];
    const table = await readTrain('stsb', tsv(header, ...Array.from({ length: 10 }, () => row('2.5')), row(score)));
    expect(table.examples).toEqual(Array.from({ length: 10 }, () => ({ text: 'a', pair: 'b', label: 2.5 })));
    expect(table.skipped).toEqual([{ line: 12, reason }]);
  });

  it('STS-B: fields beyond the last column are left out, the row is not', async () => {
    const { examples } = await readTrain(
      'stsb',
      tsv(['sentence1', 'sentence2', 'score'], ['a', 'b', '1.5', 'more', 'and more']),
    );
    expect(examples).toEqual([{ text: 'a', pair: 'b', label: 1.5 }]);
  });

  it('columns may come in any order: the header tells', async () => {
    const { examples } = await readTrain(
      'rte',
      tsv(['label', 'sentence2', 'x', 'sentence1'], ['entailment', 'second', '', 'first']),
    );
    expect(examples).toEqual([{ text: 'first', pair: 'second', label: 0 }]);
  });

  it('CoLA has no header: its first line is a sentence', async () => {
    expect((await readTrain('cola', tsv(['x', 1, '', 'sentence'], ['x', 0, '*', 'label']))).examples).toEqual([
      { text: 'sentence', label: 1 },
      { text: 'label', label: 0 },
    ]);
  });
});

describe('files that are not of the task', () => {
  it.each<[GlueId, string, string, string]>([
    ['sst2', 'a header of other columns', 'text\tclass\na\t1\n', '"sentence"'],
    ['rte', 'no header', 'first\tsecond\tentailment\n', '"sentence1"'],
    ['mrpc', 'commas', 'Quality,#1 String,#2 String\n1,a,b\n', '"#1 String"'],
    ['mnli', 'a test file, which has no labels', 'sentence1\tsentence2\na\tb\n', '"gold_label"'],
    ['qnli', 'nothing', '', '"question"'],
  ])('%s: %s', async (id, _, file, column) => {
    const error = await failure(() => readTrain(id, file));
    expect(error).toMatchObject({ code: 'TASK_COLUMNS', expected: `a column ${column}` });
    expect(error.found).toBe(`columns ${(file.split('\n')[0] ?? '').split('\t').join(', ')}`);
    expect(error.message).toContain(`is not a file of ${GLUE[id].name}`);
  });

  it.each<[GlueId, string, string, string]>([
    ['cola', 'nothing', '', '0 rows that can be read of 0'],
    ['sst2', 'a header only', 'sentence\tlabel\n', '0 rows that can be read of 1'],
    [
      'sst2',
      'labels of another task',
      'sentence\tlabel\na\tentailment\n',
      '0 rows that can be read of 2, first problem: label "entailment" in line 2',
    ],
    [
      'rte',
      'numbers for labels',
      'sentence1\tsentence2\tlabel\na\tb\t0\n',
      '0 rows that can be read of 2, first problem: label "0" in line 2',
    ],
    [
      'cola',
      'prose',
      'It was a dark night.\nIt rained.\n',
      '0 rows that can be read of 2, first problem: 1 fields instead of 4 in line 1',
    ],
  ])('%s: %s', async (id, _, file, found) => {
    expect(await failure(() => readTrain(id, file))).toMatchObject({ code: 'TASK_ROWS', found });
  });

  it('more than one bad row in ten is a wrong file, not a known defect', async () => {
    expect((await readTrain('sst2', sst2('bad'))).skipped).toEqual([{ line: 12, reason: '1 fields instead of 2' }]);
    const error = await failure(() => readTrain('sst2', `${sst2('bad')}bad\tx\n`));
    expect(error).toMatchObject({
      code: 'TASK_ROWS',
      found: '10 rows that can be read of 13, first problem: 1 fields instead of 2 in line 12',
    });
  });

  it('a spreadsheet, or text of another encoding', async () => {
    expect(await failure(() => readGlue(GLUE.sst2, async () => Uint8Array.of(0x50, 0x4b, 3, 4)))).toMatchObject({
      code: 'TEXT_ENCODING',
    });
    expect(await failure(() => readGlue(GLUE.sst2, async () => Uint8Array.of(0xe9, 10)))).toMatchObject({
      code: 'TEXT_ENCODING',
      message: expect.stringContaining('.tsv is not UTF-8 text'),
    });
  });
});
