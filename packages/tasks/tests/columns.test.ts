import { describe, expect, it } from 'vitest';
import { toExamples } from '../src/index.js';
import { failure } from './support/failure.js';
import { rawTable } from './support/tables.js';

const table = (...columns: string[]): ReturnType<typeof rawTable> =>
  rawTable(
    columns,
    columns.map((name) => `1 ${name}`),
    columns.map((name) => `2 ${name}`),
  );

describe('columns that are not named', () => {
  it.each([
    [['text', 'label'], '1 text', undefined],
    [['label', 'sentence'], '1 sentence', undefined],
    [['Review', 'Category'], '1 Review', undefined],
    [['id', 'premise', 'hypothesis', 'label'], '1 premise', '1 hypothesis'],
    [['question1', 'question2', 'label'], '1 question1', '1 question2'],
    [['content', 'text', 'label'], '1 text', undefined],
  ])('are found by usual names in %j', (columns, text, pair) => {
    const { examples } = toExamples(table(...columns));
    expect(examples[0]).toEqual({ text, ...(pair === undefined ? {} : { pair }), label: 0 });
  });

  it.each([
    ['no text', ['body', 'label'], 'text', 'none with a usual name; columns: body, label'],
    [
      'two candidates for the text',
      ['sentence', 'review', 'label'],
      'text',
      'several candidates: sentence, review; columns: sentence, review, label',
    ],
    ['no label', ['text', 'rating'], 'label', 'none with a usual name; columns: text, rating'],
    [
      'two candidates for the label',
      ['text', 'class', 'category'],
      'label',
      'several candidates: class, category; columns: text, class, category',
    ],
    [
      'two candidates for the second text',
      ['text', 'hypothesis', 'text2', 'label'],
      'second text',
      'several candidates: hypothesis, text2; columns: text, hypothesis, text2, label',
    ],
  ])('are asked for, not guessed: %s', async (_, columns, what, found) => {
    const error = await failure(() => toExamples(table(...columns)));
    expect(error).toMatchObject({ code: 'COLUMN_MISSING', found, hint: `Name the ${what} column.` });
    expect(error.message).toContain(`reviews.csv has no ${what} column that is certain`);
  });
});

describe('columns that are named', () => {
  it('are taken, whatever usual names there are besides', () => {
    const { examples, labels } = toExamples(table('text', 'label', 'a', 'b', 'c'), {
      text: 'a',
      pair: 'b',
      label: 'c',
    });
    expect(examples).toEqual([
      { text: '1 a', pair: '1 b', label: 0 },
      { text: '2 a', pair: '2 b', label: 1 },
    ]);
    expect(labels).toEqual(['1 c', '2 c']);
  });

  it.each([
    [{ text: 'tekst' }, 'text', '"tekst"'],
    [{ pair: 'text_b' }, 'second text', '"text_b"'],
    [{ label: 'Label' }, 'label', '"Label"'],
  ])('but are not there: %j', async (options, what, name) => {
    const error = await failure(() => toExamples(table('text', 'label'), options));
    expect(error).toMatchObject({
      code: 'COLUMN_MISSING',
      found: `no column ${name}; columns: text, label`,
      hint: `Name the ${what} column.`,
    });
  });

  it('are not taken from what every JavaScript object inherits', async () => {
    expect(await failure(() => toExamples(table('text', 'label'), { label: 'toString' }))).toMatchObject({
      code: 'COLUMN_MISSING',
    });
  });
});

describe('the list of columns in a message', () => {
  it('stays short in a table of thousands of columns, or of text without a header', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => `column_${i}`);
    expect((await failure(() => toExamples(table(...many)))).message).toMatch(/column_29\. /);
    const { message } = await failure(() => toExamples(table(`It rained\nall ${'day '.repeat(1000)}`, '1')));
    expect(message).toMatch(/columns: It rained all day .{1,30}…, 1\. Name the text column\.$/);
  });
});

describe('a table without labels', () => {
  it('gives texts alone, when none are asked for', () => {
    expect(toExamples(table('text', 'label'), { labelled: false })).toEqual({
      kind: 'classification',
      examples: [{ text: '1 text' }, { text: '2 text' }],
      labels: [],
      skipped: [],
    });
  });

  it('keeps the labels that a model has', () => {
    expect(toExamples(table('text'), { labelled: false, labels: ['bad', 'good'] }).labels).toEqual(['bad', 'good']);
  });
});
