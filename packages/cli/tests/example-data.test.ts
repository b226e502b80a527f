import { readFileSync } from 'node:fs';
import { readTable, toExamples } from '@hadamard-adapter/tasks';
import { describe, expect, it } from 'vitest';

const LABELS = ['food', 'health', 'money', 'music', 'sport', 'travel'];

/** Rows per class. */
const SIZES = { train: 80, test: 32 };

/**
 * Function words, numbers, and the words so general that they tell no subject. Everything else counts as a content
 * word.
 */
const STOP = new Set(
  `a about above across after again against all almost along already also although always am among an and another any anybody anyone anything are around as at
  away back be became because become been before began begin behind being below beneath beside between beyond both but by came can cannot could did do does
  doing done down during each either else enough even ever every everybody everyone everything far few for from gave get gets getting give given gives go goes
  going gone got had half has have having he her here hers herself high him himself his how however i if in instead into is it its itself just keep keeps kept
  last later least less let like little long lot low made make makes making many may me might mine more most much must my myself near need needs neither never
  next no nobody none nor not nothing now of off often on once one only onto or other others our ours ourselves out over own per perhaps please put quite rather
  really right said same say says see seen several shall she should since so some somebody someone something soon still such take taken takes than that the
  their theirs them themselves then there these they thing things this those though through till to together too took toward towards twice under until up upon
  us use used using very want wanted wants was way we well went were what when whenever where whether which while who whole whom whose why will with within
  without would yet you your yours yourself two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million first
  second third fourth dozen day days night week weeks month months year years hour hours minute minutes today tonight tomorrow yesterday new old good bad big
  small great come comes coming know look looks looked looking time times people man men`.split(/\s+/),
);

async function read(split: 'train' | 'test'): Promise<{ text: string; label: string }[]> {
  const name = `${split}.csv`;
  const table = await readTable(readFileSync(new URL(`../assets/examples/${name}`, import.meta.url)), name);
  expect(table.columns).toEqual(['text', 'label']);
  const { examples, labels } = toExamples(table, { text: 'text', label: 'label' });
  expect(labels).toEqual(LABELS);
  return examples.map(({ text, label }) => ({ text, label: labels[label as number] as string }));
}

const train = await read('train');
const test = await read('test');
const both = [...train, ...test];

const tokens = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/['’](?:s|t|re|ve|ll|d|m)\b/g, ' ')
    .match(/[a-z]+/g) ?? [];
const contentWords = (rows: readonly { text: string }[]): string[] =>
  rows.flatMap(({ text }) => tokens(text).filter((word) => word.length > 1 && !STOP.has(word)));

describe('the example data', () => {
  it.each([
    ['train', train],
    ['test', test],
  ] as const)('%s has the same number of texts in each of six classes', (split, rows) => {
    for (const label of LABELS)
      expect(
        rows.filter((row) => row.label === label),
        label,
      ).toHaveLength(SIZES[split]);
    expect(rows).toHaveLength(SIZES[split] * LABELS.length);
  });

  it('is plain trimmed ASCII of 4 to 25 words and at most 200 characters', () => {
    for (const { text } of both) {
      expect(text).toMatch(/^[\x20-\x7e]{1,200}$/);
      expect(text).toBe(text.trim());
      const words = text.split(' ').length;
      expect(words, text).toBeGreaterThanOrEqual(4);
      expect(words, text).toBeLessThanOrEqual(25);
    }
  });

  it('has no sentence twice, in one file or across both', () => {
    expect(new Set(both.map(({ text }) => tokens(text).join(' '))).size).toBe(both.length);
  });

  it('has no near duplicates: no six words in a row occur in two texts', () => {
    const seen = new Map<string, string>();
    for (const { text } of both) {
      const words = tokens(text);
      for (let i = 0; i + 6 <= words.length; i++) {
        const run = words.slice(i, i + 6).join(' ');
        expect(seen.get(run) ?? text, `"${run}"`).toBe(text);
        seen.set(run, text);
      }
    }
  });

  it('shares few content words between train and test', () => {
    const known = new Set(contentWords(train));
    const words = contentWords(test);
    const types = [...new Set(words)];
    // Measured: 9.0 % of the 677 content words of the test texts occur in a training text, 12.8 % counted with
    // repetition.
    expect(types.length).toBeGreaterThan(500);
    expect(types.filter((word) => known.has(word)).length / types.length).toBeLessThan(0.1);
    expect(words.filter((word) => known.has(word)).length / words.length).toBeLessThan(0.15);
  });

  it('is in an order that does not go by class', () => {
    for (const rows of [train, test]) {
      const repeats = rows.filter((row, i) => i > 0 && row.label === rows[i - 1]?.label).length;
      // A random order repeats the class of the row before in one row of six; sorted files in nearly all.
      expect(repeats / rows.length).toBeLessThan(0.3);
    }
  });
});
