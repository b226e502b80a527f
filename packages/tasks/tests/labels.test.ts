import { describe, expect, it } from 'vitest';
import { checkTrainable, labelNames, toExamples, type ExampleTable } from '../src/index.js';
import { failure } from './support/failure.js';
import { rawTable } from './support/tables.js';

const labelled = (...labels: string[]): ReturnType<typeof rawTable> =>
  rawTable(['text', 'label'], ...labels.map((label) => ['some text', label]));
const indices = ({ examples }: ExampleTable): (number | undefined)[] => examples.map(({ label }) => label);

describe('classes', () => {
  it('are numbered in the order of their names, whatever the order of rows', () => {
    for (const order of [
      ['good', 'bad', 'ok'],
      ['ok', 'good', 'bad'],
    ]) {
      const table = toExamples(labelled(...order));
      expect(table.labels).toEqual(['bad', 'good', 'ok']);
      expect(indices(table)).toEqual(order.map((name) => table.labels.indexOf(name)));
    }
  });

  it('of numbers are in the order of their values', () => {
    expect(labelNames(['10', '9', '-1', '2', '9', '0.5'])).toEqual(['-1', '0.5', '2', '9', '10']);
    expect(labelNames(['10', '9', 'x'])).toEqual(['10', '9', 'x']);
  });

  it('are the same with white space around them', () => {
    const table = toExamples(labelled(' good', 'bad ', 'good'));
    expect(table.labels).toEqual(['bad', 'good']);
    expect(indices(table)).toEqual([1, 0, 1]);
  });

  it('may be called what JavaScript calls its own', () => {
    const table = toExamples(labelled('toString', '__proto__', 'constructor'));
    expect(table.labels).toEqual(['__proto__', 'constructor', 'toString']);
    expect(indices(table)).toEqual([2, 0, 1]);
  });

  it('keep the order that is given, also of a class that does not occur', () => {
    const table = toExamples(labelled('good', 'bad'), { labels: ['good', 'so-so', 'bad'] });
    expect(table.labels).toEqual(['good', 'so-so', 'bad']);
    expect(indices(table)).toEqual([0, 2]);
  });

  it('not among those given are refused with what there is', async () => {
    const error = await failure(() => toExamples(labelled('good', 'bad', 'terrible'), { labels: ['good', 'bad'] }));
    expect(error).toMatchObject({ code: 'LABEL_UNKNOWN', found: '"terrible" in line 4', expected: '"good", "bad"' });
    expect(error.message).toContain('reviews.csv');
  });

  it('are told apart by case', async () => {
    expect(await failure(() => toExamples(labelled('Good'), { labels: ['good', 'bad'] }))).toMatchObject({
      code: 'LABEL_UNKNOWN',
      found: '"Good" in line 2',
    });
  });

  it('must be there in every row', async () => {
    const error = await failure(() => toExamples(labelled('good', '', 'bad', ' ', '\t', '', '', '')));
    expect(error).toMatchObject({
      code: 'LABEL_MISSING',
      found: '6, first in line 3, 5, 6, 7, 8',
      expected: 'a value in column "label"',
    });
  });

  it('of more than a thousand names are text in the wrong column', async () => {
    const names = Array.from({ length: 1001 }, (_, i) => `name ${i}`);
    expect(toExamples(labelled(...names.slice(1))).labels).toHaveLength(1000);
    expect(await failure(() => toExamples(labelled(...names)))).toMatchObject({
      code: 'LABEL_COUNT',
      found: '1001 distinct labels in 1001 rows',
      expected: 'at most 1000',
    });
  });
});

describe('numbers to predict', () => {
  it('are read as they are', () => {
    const table = toExamples(labelled('1', '-2.5', ' 3e2 ', '0'), { kind: 'regression' });
    expect(indices(table)).toEqual([1, -2.5, 300, 0]);
    expect(table).toMatchObject({ kind: 'regression', labels: ['label'] });
  });

  it.each(['NaN', 'abc', 'Infinity', '-Infinity', '1,5', '1.2.3', 'null', '--1', '5 %'])(
    'are not %s',
    async (value) => {
      const error = await failure(() => toExamples(labelled('1', value, '2'), { kind: 'regression' }));
      expect(error).toMatchObject({
        code: 'TARGET_NOT_NUMBER',
        found: `${JSON.stringify(value)} in line 3`,
        expected: 'numbers',
      });
      expect(error.message).toContain('reviews.csv');
    },
  );

  it.each(['', '  '])('are not empty: "%s" would be 0 to JavaScript', async (value) => {
    expect(await failure(() => toExamples(labelled('1', value), { kind: 'regression' }))).toMatchObject({
      code: 'LABEL_MISSING',
      found: '1, first in line 3',
    });
  });

  it('that are none are listed up to three', async () => {
    expect(
      (await failure(() => toExamples(labelled('a', 'b', '1', 'c', 'd', 'e'), { kind: 'regression' }))).found,
    ).toBe('"a" in line 2, "b" in line 3, "c" in line 5 and 2 more');
  });
});

describe('data that nothing can be learned from', () => {
  it('has one class only', async () => {
    const table = toExamples(labelled('good', 'good', 'good'), { labels: ['bad', 'good'] });
    expect(await failure(() => checkTrainable(table, 'train.csv'))).toMatchObject({
      code: 'DATA_ONE_CLASS',
      message: 'train.csv has one class only: found "good" in all 3 rows, expected at least two classes',
    });
  });

  it('has no rows', async () => {
    const empty: ExampleTable = { kind: 'regression', examples: [], labels: ['score'], skipped: [] };
    expect(await failure(() => checkTrainable(empty, 'train.csv'))).toMatchObject({
      code: 'DATA_EMPTY',
      found: '0 rows',
    });
  });

  it('is said on one line, whatever the label is', async () => {
    const { message } = await failure(() =>
      checkTrainable(toExamples(labelled(`a\nb${'x'.repeat(5000)}`)), 'train.csv'),
    );
    expect(message).toMatch(/found "a b/);
  });

  it('is neither two classes nor equal numbers', () => {
    expect(() => checkTrainable(toExamples(labelled('good', 'bad')), 'x')).not.toThrow();
    expect(() => checkTrainable(toExamples(labelled('1', '1'), { kind: 'regression' }), 'x')).not.toThrow();
  });
});
