import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { normal } from '@hadamard-adapter/core';
import { encodeAdapter } from '@hadamard-adapter/core/folder';
import { readTable } from '@hadamard-adapter/tasks';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { headsOf } from '../src/analyze/attention.js';
import { basisOf, heldBy } from '../src/analyze/basis.js';
import { compareMethods, meansOf } from '../src/analyze/compare-methods.js';
import { tasksApart } from '../src/analyze/conditions.js';
import { toCsv } from '../src/analyze/csv.js';
import { readTask } from '../src/analyze/dev-data.js';
import { formatCell, losesPoints } from '../src/analyze/table.js';
import { methodsSection } from '../src/analyze/report/methods.js';
import { readMaterial, type Run } from '../src/analyze/runs.js';
import { analyzeSensitivity, spanOf } from '../src/analyze/sensitivity.js';
import { settingsOf, type MethodSettings } from '../src/methods.js';
import { short } from '../src/sweep/canonical.js';
import { openResults, type RunRow } from '../src/sweep/results.js';
import { adapterAt, tinyAdapters, type TinyAdapters } from './support/analyze.js';
import { cli, lastLine, scratchFolder } from './support/cli.js';

const folder = scratchFolder();
const at = (...parts: string[]): string => join(folder, ...parts);

describe('CSV', () => {
  it('is read back as it was, whatever stands in it', async () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !/[\0\uD800-\uDFFF]/.test(value));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ name: text, value: fc.double({ noNaN: true, noDefaultInfinity: true }) }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (rows) => {
          const csv = toCsv({
            columns: [
              { key: 'name', title: '' },
              { key: 'value', title: '' },
            ],
            rows,
          });
          const read = await readTable(new TextEncoder().encode(csv), 'x.csv');
          expect(read.rows.map(({ values }) => [values['name'], Number(values['value']) + 0])).toEqual(
            rows.map(({ name, value }) => [name, value + 0]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('quotes what RFC 4180 says, and leaves empty what is not there', () => {
    const columns = [
      { key: 'a', title: 'first' },
      { key: 'b', title: 'second' },
    ];
    expect(toCsv({ columns, rows: [{ a: 'x, "y"', b: 0.1 }, { a: 'two\nlines' }] })).toBe(
      'a,b\r\n"x, ""y""",0.1\r\n"two\nlines",\r\n',
    );
  });
});

describe('cells for people', () => {
  it('have no sign on zero, and a dash for what is not there', () => {
    expect([
      formatCell(-0.001, { digits: 2 }),
      formatCell(-1.5, { digits: 1 }),
      formatCell(undefined, {}),
      formatCell(36_864, {}),
      formatCell(0.012_345, {}),
    ]).toEqual(['0.00', '-1.5', '–', '36,864', '0.01235']);
    expect([losesPoints(1.26), losesPoints(-0.4), losesPoints(0.01)]).toEqual([
      'loses 1.3 points',
      'gains 0.4 points',
      'loses nothing',
    ]);
  });
});

describe('a basis over tasks', () => {
  it('of multiples of one vector is that vector', () => {
    const x = normal(50, 1, 0, 'x');
    const vectors = [x, x.map((value) => -2 * value), x.map((value) => 0.5 * value)];
    const basis = basisOf(vectors);
    expect(heldBy(basis.singular, 1)).toBeCloseTo(1, 10);
    basis
      .rebuilt(1)
      .forEach((rebuilt, task) =>
        rebuilt.forEach((value, i) => expect(value).toBeCloseTo(vectors[task]?.[i] as number, 5)),
      );
  });

  it('of full rank is the vectors themselves, and less holds less', () => {
    const vectors = ['a', 'b', 'c'].map((name) => normal(40, 1, 0, name));
    const { singular, rebuilt } = basisOf(vectors);
    expect(singular).toHaveLength(3);
    rebuilt(3).forEach((values, task) =>
      values.forEach((value, i) => expect(value).toBeCloseTo(vectors[task]?.[i] as number, 5)),
    );
    const held = [1, 2, 3].map((rank) => heldBy(singular, rank));
    expect(held[0]).toBeLessThan(held[1] as number);
    expect(held[2]).toBeCloseTo(1, 10);
    // What is left out is as long as the singular values that were left out say (Eckart and Young).
    const error = rebuilt(1).reduce(
      (sum, values, task) =>
        sum + values.reduce((part, value, i) => part + (value - (vectors[task]?.[i] as number)) ** 2, 0),
      0,
    );
    expect(error).toBeCloseTo((singular[1] as number) ** 2 + (singular[2] as number) ** 2, 3);
  });

  it('of nothing holds everything', () => {
    const { singular, rebuilt } = basisOf([new Float32Array(4), new Float32Array(4)]);
    expect(heldBy(singular, 1)).toBe(1);
    expect(rebuilt(1)).toEqual([new Float32Array(4), new Float32Array(4)]);
  });
});

describe('heads', () => {
  it('are named differently by families, and mixed behind the projection', () => {
    for (const name of ['num_attention_heads', 'n_heads', 'num_heads', 'encoder_attention_heads'])
      expect(headsOf({ [name]: 4 }, 'context', 32)).toBe(4);
    expect([
      headsOf({}, 'context', 32),
      headsOf({ num_attention_heads: 5 }, 'context', 32),
      headsOf({ num_attention_heads: 4 }, 'output', 32),
    ]).toEqual([1, 1, 1]);
  });
});

describe('results of a sweep', () => {
  let tiny: TinyAdapters;
  const results = at('sweep', 'results.sqlite');

  beforeAll(async () => {
    tiny = await tinyAdapters(folder);
    const adapters = { nouns: adapterAt(tiny.nouns), kinds: adapterAt(tiny.kinds) };
    const file = openResults(results);
    const save = (
      task: 'nouns' | 'kinds',
      method: string,
      given: Partial<MethodSettings>,
      seed: number,
      score: number,
    ): void => {
      const settings = settingsOf({ method: 'hadamard', ...given });
      const key = JSON.stringify([task, method, given, seed]);
      const adapter = adapters[task];
      file.save(
        {
          key,
          task,
          method,
          settings,
          seed,
          modelName: 'tiny',
          model: { weights: 'w', files: 'f' },
          data: 'd',
          metric: 'accuracy',
          arithmetic: 'float32',
          source: { name: task, flags: { holdout: 0.2 }, portable: { holdout: 0.2 } },
        },
        {
          metric: 'accuracy',
          score,
          scores: { accuracy: score },
          stages: [],
          history: [],
          trainable: 384,
          total: 10_000,
          seconds: 1,
          weights: new Uint8Array(),
          ...(method === 'hadamard'
            ? { files: encodeAdapter({ ...adapter, config: { ...adapter.config, task } }) }
            : {}),
        },
      );
    };
    for (const seed of [0, 1]) {
      save('nouns', 'hadamard', { lr: 0.001 }, seed, 0.6 + 0.02 * seed);
      save('nouns', 'hadamard', { lr: 0.01 }, seed, 0.7 + 0.04 * seed);
      save('kinds', 'hadamard', { lr: 0.001 }, seed, 0.8);
      save('nouns', 'classifier', { method: 'classifier' }, seed, 0.5);
    }
    // Differs in two settings from all others: says nothing of either.
    save('kinds', 'hadamard', { lr: 0.1, epochs: 9 }, 0, 0.9);
    file.close();
  }, 120_000);

  it('give the adapters of the best setting of each task, by mean over seeds, of those with most seeds', async () => {
    const { runs, rows, passedOver } = await readMaterial([results]);
    expect(runs.map(({ name, score }) => [name, score])).toEqual([
      ['nouns seed 0', 0.7],
      ['nouns seed 1', 0.74],
      ['kinds seed 0', 0.8],
      ['kinds seed 1', 0.8],
    ]);
    expect([rows.length, passedOver]).toEqual([9, 3]);
  });

  it('count once, however often they are named', async () => {
    cpSync(at('sweep'), at('copy'), { recursive: true });
    const { runs, rows, passedOver } = await readMaterial([results, at('sweep'), at('copy')]);
    expect([runs.length, rows.length, passedOver]).toEqual([4, 9, 3]);
  });

  it('of several conditions are not averaged', async () => {
    const two = at('two', 'results.sqlite');
    const file = openResults(two);
    const save = (method: 'hadamard' | 'classifier', limit: number | undefined, seed: number, score: number): void => {
      const adapter = adapterAt(tiny.nouns);
      file.save(
        {
          key: `${method} ${limit} ${seed}`,
          task: 'nouns',
          method,
          settings: settingsOf({ method }),
          seed,
          ...(limit === undefined ? {} : { limit }),
          modelName: 'tiny',
          model: { weights: 'w', files: 'f' },
          data: `${limit} ${seed}`,
          metric: 'accuracy',
          arithmetic: 'float32',
          source: { name: 'nouns', flags: { holdout: 0.2 }, portable: { holdout: 0.2 } },
        },
        {
          metric: 'accuracy',
          score,
          scores: { accuracy: score },
          stages: [],
          history: [],
          trainable: 384,
          total: 10_000,
          seconds: 1,
          weights: new Uint8Array(),
          ...(method === 'hadamard'
            ? { files: encodeAdapter({ ...adapter, config: { ...adapter.config, task: 'nouns' } }) }
            : {}),
        },
      );
    };
    for (const seed of [0, 1])
      for (const [limit, score] of [
        [1000, 0.6],
        [undefined, 0.8],
      ] as const) {
        save('classifier', limit, seed, score);
        save('hadamard', limit, seed, score + 0.1);
      }
    file.close();
    const { runs, rows } = await readMaterial([two]);
    expect(runs.map(({ task, score }) => [task, score])).toEqual(
      [
        ['nouns', 0.9],
        ['nouns', 0.9],
      ].map(([task, score]) => [task, expect.closeTo(score as number, 12)]),
    );
    expect(compareMethods(rows).map(({ task, label, n, mean }) => [task, label, n, mean])).toEqual([
      ['nouns, 1,000 examples', 'classifier', 2, 0.6],
      ['nouns, 1,000 examples', 'hadamard', 2, expect.closeTo(0.7, 12)],
      ['nouns, all examples', 'classifier', 2, 0.8],
      ['nouns, all examples', 'hadamard', 2, expect.closeTo(0.9, 12)],
    ]);
  });

  it('of several sites give the adapters of one: where most tasks are, then where scores are best', async () => {
    const mixed = at('mixed', 'results.sqlite');
    const file = openResults(mixed);
    const save = (task: string, site: 'context' | 'output', score: number): void => {
      const settings = settingsOf({ method: 'hadamard', site });
      file.save(
        {
          key: `${task} ${site}`,
          task,
          method: 'hadamard',
          settings,
          seed: 0,
          modelName: 'tiny',
          model: { weights: 'w', files: 'f' },
          data: 'd',
          metric: 'accuracy',
          arithmetic: 'float32',
          source: { name: task, flags: { holdout: 0.2 }, portable: { holdout: 0.2 } },
        },
        {
          metric: 'accuracy',
          score,
          scores: { accuracy: score },
          stages: [],
          history: [],
          trainable: 384,
          total: 10_000,
          seconds: 1,
          weights: new Uint8Array(),
          files: encodeAdapter({ ...adapterAt(tiny.nouns), config: { ...adapterAt(tiny.nouns).config, task } }),
        },
      );
    };
    save('nouns', 'context', 0.9);
    save('nouns', 'output', 0.6);
    save('kinds', 'output', 0.6);
    expect((await readMaterial([mixed])).runs.map(({ name, score }) => [name, score])).toEqual([
      ['nouns seed 0', 0.6],
      ['kinds seed 0', 0.6],
    ]);
    save('kinds', 'context', 0.5);
    file.close();
    expect((await readMaterial([mixed])).runs.map(({ name, score }) => [name, score])).toEqual([
      ['nouns seed 0', 0.9],
      ['kinds seed 0', 0.5],
    ]);
  });

  it('can be filtered, and given as the folder of the sweep', async () => {
    const names = async (...filters: Parameters<typeof readMaterial>[1][]): Promise<string[]> =>
      (await readMaterial([at('sweep')], ...filters)).runs.map(({ name }) => name);
    expect(await names({ task: ['kinds'] })).toEqual(['kinds seed 0', 'kinds seed 1']);
    expect(await names({ seed: [1] })).toEqual(['nouns seed 1', 'kinds seed 1']);
    expect(await names({ method: ['classifier'] })).toEqual([]);
    await expect(readMaterial([results], { seed: [7] })).rejects.toMatchObject({ code: 'ANALYZE_NOTHING' });
  });

  it('tell what a setting does while all others stay', async () => {
    const { rows } = await readMaterial([results]);
    const found = analyzeSensitivity(rows);
    expect(found).toMatchObject([
      {
        factor: 'lr',
        task: 'nouns',
        method: 'hadamard',
        value: 0.001,
        n: 2,
        mean: expect.closeTo(0.61, 10),
        deviation: expect.closeTo(0.02 / Math.SQRT2, 10),
      },
      {
        factor: 'lr',
        task: 'nouns',
        method: 'hadamard',
        value: 0.01,
        n: 2,
        mean: expect.closeTo(0.72, 10),
        deviation: expect.closeTo(0.04 / Math.SQRT2, 10),
      },
    ]);
    expect(spanOf(found, 'lr')).toBeCloseTo(0.11, 10);
    expect(spanOf(found, 'epochs')).toBeUndefined();
  });

  it('are analyzed together with adapter folders', async () => {
    const result = await cli('analyze', results, tiny.kinds, '--json');
    expect(result.code, result.stderr).toBe(0);
    const { tables, passedOver, leftOut } = lastLine<{
      tables: Record<string, Record<string, unknown>[]>;
      passedOver: number;
      leftOut: { analysis: string }[];
    }>(result);
    expect(tables['runs']?.map(({ run }) => run)).toEqual([
      'kinds-adapter',
      'kinds seed 0',
      'kinds seed 1',
      'nouns seed 0',
      'nouns seed 1',
    ]);
    expect(tables['sensitivity-lr']).toHaveLength(2);
    expect(passedOver).toBe(3);
    expect(tables['methods']?.map(({ task, method, mean }) => [task, method, mean])).toEqual([
      ['nouns', 'hadamard', expect.closeTo(0.72, 10)],
      ['nouns', 'classifier', 0.5],
      ['kinds', 'hadamard', 0.8],
    ]);
    // Nobody trained the whole model.
    expect(tables['distance']).toBeUndefined();
    expect(leftOut.map(({ analysis }) => analysis)).not.toContain('sensitivity');
    // Both runs of one task have the same adapter: pairs within a task are its yardstick.
    expect(
      tables['similarity']?.find(({ vector, left, right }) => vector === 'b' && left === 'nouns' && right === 'nouns'),
    ).toMatchObject({ cosine: expect.closeTo(1, 10), pairs: 1 });
  });
});

describe('tasks under several conditions', () => {
  const row = (given: Partial<RunRow>): RunRow =>
    ({
      task: 'a',
      settings: settingsOf({ method: 'hadamard' }),
      seed: 0,
      modelName: 'tiny',
      model: 'abcdef01',
      modelFiles: 'f',
      data: 'd',
      metric: 'accuracy',
      arithmetic: 'float32',
      ...given,
    }) as RunRow;
  const names = (...rows: readonly RunRow[]): (string | undefined)[] => rows.map((each) => tasksApart(rows).get(each));

  it('are named by what differs, each task by itself', () => {
    expect(names(row({}), row({ seed: 1, data: 'e' }), row({ task: 'b', arithmetic: 'int8' }))).toEqual([
      'a',
      'a',
      'b',
    ]);
    expect(
      names(row({ maxLength: 64, arithmetic: 'int8' }), row({ arithmetic: 'int8' }), row({}), row({ task: 'b' })),
    ).toEqual(['a, 64 tokens, int8', 'a, whole texts, int8', 'a, whole texts, float32', 'b']);
    expect(names(row({}), row({ modelName: 'small', model: '98765432' }))).toEqual([
      `a, tiny ${short('abcdef01')}`,
      `a, small ${short('98765432')}`,
    ]);
    expect(names(row({}), row({ metric: 'f1' }))).toEqual(['a, by accuracy', 'a, by f1']);
    expect(names(row({}), row({ modelFiles: 'g' }))).toEqual([
      'a, tokenizer and config f',
      'a, tokenizer and config g',
    ]);
  });

  it('are one with the classifier that the model came with, which is part of its hash', () => {
    const settings = settingsOf({ method: 'hadamard', head: 'model' });
    expect(names(row({}), row({ settings, model: '98765432' }))).toEqual(['a', 'a']);
    expect(names(row({}), row({ settings, model: '98765432', modelName: 'small' }))).toEqual([
      `a, tiny ${short('abcdef01')}`,
      `a, small ${short('98765432')}`,
    ]);
  });

  it('have other data where one seed has two', () => {
    expect(names(row({ data: 'first' }), row({ data: 'other data' }))).toEqual([
      'a, data first',
      `a, data ${short('other data')}`,
    ]);
    // The limit explains it.
    expect(names(row({ data: 'first', limit: 10 }), row({ data: 'other', limit: 20 }))).toEqual([
      'a, 10 examples',
      'a, 20 examples',
    ]);
  });
});

describe('methods side by side', () => {
  const row = (
    task: string,
    given: Partial<MethodSettings> & Pick<MethodSettings, 'method'>,
    seed: number,
    score: number,
    label: string = given.method,
  ): RunRow =>
    ({
      task,
      method: label,
      settings: settingsOf(given),
      seed,
      score,
      model: 'w',
      data: 'd',
      metric: 'accuracy',
      trainable: given.method === 'full' ? 1000 : 10,
      total: 1000,
    }) as unknown as RunRow;
  const of = (rows: readonly RunRow[], task: string, label: string): unknown =>
    compareMethods(rows).find((each) => each.task === task && each.label === label);
  const seeds = (
    task: string,
    given: Partial<MethodSettings> & Pick<MethodSettings, 'method'>,
    scores: readonly number[],
    label?: string,
  ): RunRow[] => scores.map((score, seed) => row(task, given, seed, score, label));

  it('tell how far each goes from the classifier alone to full fine-tuning', () => {
    const rows = [
      ...seeds('a', { method: 'classifier' }, [0.5, 0.6]),
      ...seeds('a', { method: 'full' }, [0.9, 0.8]),
      ...seeds('a', { method: 'hadamard' }, [0.7, 0.8]),
    ];
    expect(of(rows, 'a', 'hadamard')).toMatchObject({
      n: 2,
      mean: expect.closeTo(0.75, 12),
      closed: expect.closeTo(2 / 3, 12),
      gain: { n: 2, mean: expect.closeTo(0.2, 12), deviation: expect.closeTo(0, 12) },
      trainable: 10,
      share: 0.01,
    });
    expect(of(rows, 'a', 'classifier')).not.toHaveProperty('closed');
    expect(of(rows, 'a', 'full')).not.toHaveProperty('closed');
    expect(of(rows, 'a', 'full')).toMatchObject({ gain: { mean: expect.closeTo(0.3, 12) } });
  });

  it('compare only seeds that all three have', () => {
    const rows = [
      ...seeds('a', { method: 'classifier' }, [0.5, 0.5]),
      row('a', { method: 'full' }, 1, 0.9),
      ...seeds('a', { method: 'hadamard' }, [0.1, 0.6, 0.1]),
    ];
    expect(of(rows, 'a', 'hadamard')).toMatchObject({ n: 3, closed: expect.closeTo(0.25, 12), gain: { n: 2 } });
  });

  it('say nothing of a distance where full fine-tuning is not above, or no seed is common', () => {
    const below = [
      ...seeds('a', { method: 'classifier' }, [0.5]),
      ...seeds('a', { method: 'full' }, [0.5]),
      ...seeds('a', { method: 'hadamard' }, [0.6]),
    ];
    expect(of(below, 'a', 'hadamard')).not.toHaveProperty('closed');
    const apart = [
      row('a', { method: 'classifier' }, 0, 0.5),
      row('a', { method: 'full' }, 1, 0.9),
      row('a', { method: 'hadamard' }, 0, 0.6),
    ];
    expect(of(apart, 'a', 'hadamard')).not.toHaveProperty('closed');
  });

  it('take the best of the settings with most seeds, and say what tells it from the others', () => {
    const rows = [
      ...seeds('a', { method: 'hadamard', lr: 0.001 }, [0.6, 0.7]),
      ...seeds('a', { method: 'hadamard', lr: 0.01 }, [0.65, 0.75]),
      row('a', { method: 'hadamard', lr: 0.1 }, 0, 0.9),
    ];
    expect(of(rows, 'a', 'hadamard')).toMatchObject({
      setting: 'lr 0.01',
      settings: 3,
      n: 2,
      mean: expect.closeTo(0.7, 12),
    });
  });

  it('are averaged over the tasks where there is a distance', () => {
    const task = (name: string, scores: readonly [number, number, number]): RunRow[] => [
      row(name, { method: 'classifier' }, 0, scores[0]),
      row(name, { method: 'full' }, 0, scores[1]),
      row(name, { method: 'hadamard' }, 0, scores[2], 'ours'),
    ];
    const means = meansOf(
      compareMethods([...task('a', [0.5, 0.9, 0.7]), ...task('b', [0.5, 0.9, 0.4]), ...task('c', [0.6, 0.5, 0.7])]),
    );
    expect(means.find(({ label }) => label === 'ours')).toEqual({
      label: 'ours',
      method: 'hadamard',
      trainable: 10,
      share: 0.01,
      tasks: 3,
      compared: 2,
      above: 1,
      closed: expect.closeTo((0.5 - 0.25) / 2, 12),
    });
  });
});

describe('methods in the report', () => {
  const row = (task: string, method: MethodSettings['method'], seed: number, score: number): RunRow =>
    ({
      task,
      method,
      settings: settingsOf({ method }),
      seed,
      score,
      model: 'w',
      data: 'd',
      metric: 'accuracy',
      trainable: 10,
      total: 1000,
    }) as unknown as RunRow;
  const scores = { classifier: 0.5, full: 0.9, hadamard: 0.7 } as const;
  const rows = ['a', 'b'].flatMap((task) =>
    [0, 1].flatMap((seed) =>
      (Object.keys(scores) as (keyof typeof scores)[]).map((method) =>
        row(task, method, seed, scores[method] + 0.01 * seed),
      ),
    ),
  );

  it('are pictures and one sentence of what Hadamard adapters reach', () => {
    const { findings, blocks } = methodsSection(compareMethods(rows));
    expect(findings).toEqual([
      'hadamard trains 10 numbers (1 %), is above the classifier alone on 2 of 2 tasks on which full fine-tuning ' +
        'is, and closes 50 % of the distance between them in the mean.',
    ]);
    expect(blocks.map(({ table }) => table.name)).toEqual(['methods', 'distance']);
    for (const { plots = [] } of blocks) for (const plot of plots) expect(plot).not.toMatch(/NaN|Infinity|undefined/);
    // A dot for each method on each task, and one for each distance.
    expect(blocks.map(({ plots = [] }) => plots.join('').match(/<circle/g)?.length)).toEqual([6, 2]);
  });

  it('have no distance where nobody trained the whole model', () => {
    const { findings, blocks } = methodsSection(compareMethods(rows.filter(({ method }) => method !== 'full')));
    expect([findings, blocks.map(({ table }) => table.name)]).toEqual([[], ['methods']]);
  });
});

describe('rows to score on', () => {
  const run = { task: 'nouns' } as Run;
  const adapter = {
    config: { loss: 'cross-entropy', id2label: { 0: 'animal', 1: 'tool' } },
  } as unknown as Run['adapter'];

  it("are those of the task's own table, or of the one for all", async () => {
    const files = [at('nouns.csv'), `nouns=${at('kinds.csv')}`];
    await expect(readTask({ ...run, adapter }, { holdout: 0.2, dev: files })).rejects.toMatchObject({
      code: 'LABEL_UNKNOWN',
    });
    const { dev } = await readTask(
      { ...run, adapter },
      { holdout: 0.2, dev: [at('nouns.csv'), `other=${at('kinds.csv')}`], limitDev: 7 },
    );
    expect(dev.examples).toHaveLength(7);
  });
});

describe('README', () => {
  it('lists every code of analyze and prune', () => {
    const at = (...parts: string[]): string => join(import.meta.dirname, '..', ...parts);
    const sources = [
      ...readdirSync(at('src', 'analyze'))
        .filter((name) => name.endsWith('.ts'))
        .map((name) => at('src', 'analyze', name)),
      at('src', 'commands', 'analyze.ts'),
      at('src', 'commands', 'prune.ts'),
    ];
    const codes = new Set(
      sources.flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/code: '((?:ANALYZE|PRUNE|OUTPUT)_\w+)'/g)].map(
          ([, code]) => code as string,
        ),
      ),
    );
    expect(codes.size).toBeGreaterThan(6);
    const readme = readFileSync(at('README.md'), 'utf8');
    expect([...codes].filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });
});
