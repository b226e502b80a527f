import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readTable } from '@hadamard-adapter/tasks';
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  adapterAt,
  tinyAdapters,
  trainTiny,
  withIdleLayer,
  writeAdapter,
  type TinyAdapters,
} from './support/analyze.js';
import { cli, lastLine, scratchFolder, write, type CliResult } from './support/cli.js';

type Row = Record<string, string | number>;

interface AnalyzeLine {
  readonly tables: Record<string, readonly Row[]>;
  readonly findings: readonly string[];
  readonly leftOut: readonly { readonly analysis: string; readonly what: string; readonly reason: string }[];
  readonly files: readonly string[];
}

const folder = scratchFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
let tiny: TinyAdapters;
let scored: string[];
let idle: string;
let report: AnalyzeLine;

async function analyzed(...argv: readonly (string | number)[]): Promise<AnalyzeLine> {
  const result = await cli('analyze', ...argv, '--json');
  expect(result.code, result.stderr).toBe(0);
  return lastLine<AnalyzeLine>(result);
}

const table = (line: AnalyzeLine, name: string): readonly Row[] => line.tables[name] ?? [];

beforeAll(async () => {
  tiny = await tinyAdapters(folder);
  scored = ['--model', tiny.model, '--dev', `nouns=${tiny.tables.nouns}`, '--dev', `kinds=${tiny.tables.kinds}`];
  // Trained without layer 1, which is then added as one that does nothing.
  await trainTiny(tiny.model, tiny.tables.nouns, at('two'), '--layers', '0,2');
  idle = writeAdapter(at('idle'), await withIdleLayer(adapterAt(at('two')), tiny.model, 1));
  report = await analyzed(tiny.nouns, tiny.kinds, ...scored, '--report', at('out', 'report.html'));
}, 120_000);

describe('redundant layers', () => {
  it('an adapter that does nothing is the first to go, by elimination and by both distances', async () => {
    const line = await analyzed(idle, ...scored, '--only', 'layers');
    const layers = table(line, 'layers');
    expect(layers.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    // Not nearly: with w = 1 and b = 0 the graph computes the same bits.
    expect(layers[1]).toMatchObject({ lost: 0, lossRise: 0 });
    for (const other of [layers[0], layers[2]]) expect(other?.['lossRise']).toBeGreaterThan(0);
    const firstOf = (order: string): unknown =>
      table(line, 'curve').find((row) => row['order'] === order && row['layers'] === 2)?.['removed'];
    expect(['greedy elimination', 'least |w − 1| first', 'least |b| first'].map(firstOf)).toEqual([1, 1, 1]);
    expect(table(line, 'predictors')[1]).toMatchObject({ scale: 0, shift: 0 });
    expect(String(table(line, 'elimination')[0]?.['order'])).toMatch(/^1 /);
  });

  it('scores all layers as evaluate does, and no layer as the classifier of stage one', async () => {
    const [, nouns] = table(report, 'elimination').toReversed();
    const evaluated = await cli(
      'evaluate',
      '--model',
      tiny.model,
      '--adapter',
      tiny.nouns,
      '--dev',
      tiny.tables.nouns,
      '--json',
    );
    expect(nouns).toMatchObject({
      run: 'nouns-adapter',
      task: 'nouns',
      rows: 40,
      metric: 'accuracy',
      full: lastLine<{ score: number }>(evaluated).score,
      of: 3 * 4 * 32,
    });
    const first = await cli(
      'train',
      '--model',
      tiny.model,
      '--train',
      tiny.tables.nouns,
      '--dev',
      tiny.tables.nouns,
      '--output',
      at('again'),
      '--classifier-epochs',
      6,
      '--epochs',
      8,
      '--lr',
      0.03,
      '--batch-size',
      8,
      '--json',
    );
    expect(nouns?.['bare']).toBe(lastLine<{ stages: { score: number }[] }>(first).stages[0]?.score);
  });

  it('the curve goes from all layers to none, and the smallest adapter is within the budget', async () => {
    const curve = table(report, 'curve').filter(
      (row) => row['run'] === 'nouns-adapter' && row['order'] === 'greedy elimination',
    );
    expect(curve.map(({ layers }) => layers)).toEqual([3, 2, 1, 0]);
    expect(curve.map(({ numbers }) => numbers)).toEqual([384, 256, 128, 0]);
    const kept = async (budget: number): Promise<string[]> =>
      String(
        table(await analyzed(tiny.nouns, ...scored, '--only', 'layers', '--budget', budget), 'elimination')[0]?.[
          'kept'
        ],
      ).split(' ');
    const full = Number(curve[0]?.['score']);
    const within = curve
      .filter((row) => Number(row['layers']) > 0 && full - Number(row['score']) <= 0.05 + 1e-9)
      .map((row) => Number(row['layers']));
    expect((await kept(5)).length).toBe(Math.min(...within));
    expect(await kept(100)).toHaveLength(1);
  });

  it('agreement is of every predictor with score and loss', () => {
    const rows = table(report, 'agreement').filter(({ task }) => task === 'kinds');
    expect(rows.map(({ predictor }) => predictor)).toEqual(['mean |w − 1|', 'mean |b|', 'gradient norm']);
    for (const row of rows)
      for (const key of ['spearman', 'kendall', 'lossSpearman', 'lossKendall'])
        expect(Math.abs(Number(row[key]))).toBeLessThanOrEqual(1);
    for (const { gradient } of table(report, 'predictors')) expect(gradient).toBeGreaterThan(0);
  });
});

describe('shared adapters', () => {
  const row = (task: string, adapter: string): Row =>
    table(report, 'sharing').find((each) => each['task'] === task && each['variant'] === adapter) as Row;

  it('count what they save', () => {
    expect(row('nouns', 'an adapter for each task')).toMatchObject({ numbers: 2 * 384, saved: 0, lost: 0 });
    expect(row('nouns', 'one adapter, mean of all')).toMatchObject({ numbers: 384, saved: 50 });
    expect(row('nouns', 'w shared (mean), b and norms own')).toMatchObject({ numbers: 2 * 384 - 3 * 32 });
  });

  it('the adapter of a task itself loses nothing, and two vectors are both adapters', () => {
    for (const { on, from, lost } of table(report, 'cross')) if (on === from) expect(lost).toBe(0);
    const last = table(report, 'basis').filter(({ rank }) => rank === 2);
    expect(last).toHaveLength(2);
    for (const each of last)
      expect(each).toMatchObject({
        held: expect.closeTo(100, 6),
        nouns: row('nouns', 'an adapter for each task')['score'],
        kinds: row('kinds', 'an adapter for each task')['score'],
      });
  });

  it('two tasks with the same adapter lose nothing by sharing it, at rank 1 either', async () => {
    const { config, tensors } = adapterAt(tiny.nouns);
    const twin = writeAdapter(at('twin'), { config: { ...config, task: 'twin' }, tensors });
    const line = await analyzed(
      tiny.nouns,
      twin,
      '--model',
      tiny.model,
      '--dev',
      tiny.tables.nouns,
      '--only',
      'sharing',
    );
    for (const each of table(line, 'sharing')) if (each['variant'] !== 'no adapter') expect(each['lost']).toBe(0);
    for (const each of table(line, 'cross')) expect(each['lost']).toBe(0);
    for (const each of table(line, 'basis'))
      expect(each).toMatchObject({
        held: expect.closeTo(100, 4),
        nouns: row('nouns', 'an adapter for each task')['score'],
      });
  });

  it('one can be trained for all tasks together', async () => {
    const line = await analyzed(
      tiny.nouns,
      tiny.kinds,
      ...scored,
      '--only',
      'sharing',
      '--joint-epochs',
      30,
      '--joint-lr',
      0.03,
      '--train',
      `nouns=${tiny.tables.nouns}`,
      '--train',
      `kinds=${tiny.tables.kinds}`,
    );
    const lossOf = (variant: string): number =>
      table(line, 'sharing')
        .filter((each) => each['variant'] === variant)
        .reduce((sum, { loss }) => sum + Number(loss), 0);
    expect(lossOf('one adapter, trained for all')).toBeLessThan(lossOf('no adapter'));
    expect(lossOf('one adapter, trained for all')).toBeLessThan(lossOf('one adapter, mean of all'));
    expect(table(line, 'sharing').find(({ variant }) => variant === 'one adapter, trained for all')).toMatchObject({
      numbers: 384,
    });
  });
});

describe('tuning patterns and attention outputs', () => {
  it('an adapter is like itself', async () => {
    const { config, tensors } = adapterAt(tiny.nouns);
    const twin = writeAdapter(at('like'), { config: { ...config, task: 'like' }, tensors });
    for (const { cosine } of table(await analyzed(tiny.nouns, twin), 'similarity')) expect(cosine).toBeCloseTo(1, 12);
  });

  it('distributions are of the numbers in the files', () => {
    const w = adapterAt(tiny.kinds).tensors.get('layer.2.adapter.weight')?.bytes as Uint8Array;
    const numbers = [...new Float32Array(w.slice().buffer)].toSorted((a, b) => a - b);
    const found = table(report, 'distribution-w').find(({ task, layer }) => task === 'kinds' && layer === 2);
    expect(found).toMatchObject({
      least: numbers[0],
      most: numbers.at(-1),
      mean: expect.closeTo(numbers.reduce((sum, value) => sum + value, 0) / 32, 10),
    });
  });

  it('heads are those of the config; in front of the lowest adapter nothing has changed yet', () => {
    const heads = table(report, 'attention').filter(({ task }) => task === 'nouns');
    const { num_attention_heads: count } = JSON.parse(readFileSync(join(tiny.model, 'config.json'), 'utf8')) as {
      num_attention_heads: number;
    };
    expect(heads).toHaveLength(3 * count);
    for (const { place, untuned, before, moved } of heads) {
      if (place === 'layer.0') expect(before).toBe(untuned);
      else expect(before).not.toBe(untuned);
      expect(moved).toBeGreaterThan(0);
    }
  });

  it('an adapter that does nothing moves nothing', async () => {
    const rows = table(
      await analyzed(idle, ...scored, '--only', 'attention', '--attention-rows', 10),
      'attention',
    ).filter(({ place }) => place === 'layer.1');
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatchObject({ moved: 0, longer: 0 });
  });
});

describe('the report', () => {
  const html = (): string => readFileSync(at('out', 'report.html'), 'utf8');

  it('is one page of plots with captions and numbers, that asks for nothing else', () => {
    const { document } = parseHTML(html());
    expect(document.querySelectorAll('h2').length).toBeGreaterThanOrEqual(6);
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.length).toBeGreaterThanOrEqual(12);
    for (const figure of figures) {
      expect(
        figure.querySelector('figcaption')?.textContent?.length,
        figure.querySelector('h3')?.textContent ?? '',
      ).toBeGreaterThan(40);
      expect(figure.querySelectorAll('tbody tr').length).toBeGreaterThan(0);
    }
    expect(document.querySelectorAll('svg.plot').length).toBeGreaterThanOrEqual(20);
    for (const svg of document.querySelectorAll('svg.plot')) {
      expect(svg.getAttribute('aria-label')?.length).toBeGreaterThan(5);
      expect(svg.outerHTML).not.toMatch(/NaN|Infinity|undefined/);
    }
    expect(html().replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/https?:|<script|<link|@import|url\(|src=/);
    for (const link of document.querySelectorAll('a'))
      expect(document.querySelector(link.getAttribute('href') as string)).not.toBeNull();
    for (const finding of report.findings) expect(document.querySelector('main')?.textContent).toContain(finding);
  });

  it('says what a path of this machine is to nobody', () => {
    expect(html()).not.toContain(folder);
  });

  it('has every table as a file beside it, with all digits', async () => {
    expect(readdirSync(at('out')).toSorted()).toEqual(
      ['report.html', ...Object.keys(report.tables).map((name) => `report.${name}.csv`)].toSorted(),
    );
    expect(report.files.map((file) => basename(file)).toSorted()).toEqual(readdirSync(at('out')).toSorted());
    for (const [name, rows] of Object.entries(report.tables)) {
      const bytes = new Uint8Array(readFileSync(at('out', `report.${name}.csv`)));
      const { columns, rows: read } = await readTable(bytes, `report.${name}.csv`);
      expect(read.length, name).toBe(rows.length);
      read.forEach(({ values }, i) => {
        for (const column of columns) {
          const expected = rows[i]?.[column];
          expect(typeof expected === 'number' ? Number(values[column]) : values[column], `${name} ${column}`).toBe(
            expected ?? '',
          );
        }
      });
    }
  });

  it('is the same from the same adapters', async () => {
    for (const name of ['a', 'b']) await analyzed(tiny.nouns, tiny.kinds, '--report', at(name, 'page.html'));
    for (const file of readdirSync(at('a')))
      expect(readFileSync(at('b', file)).equals(readFileSync(at('a', file))), file).toBe(true);
  });
});

describe('what is missing', () => {
  it('without model and data what only reads numbers is done, and the rest is said to be left out', async () => {
    const line = await analyzed(tiny.nouns, tiny.kinds);
    expect(Object.keys(line.tables).toSorted()).toEqual([
      'distribution-b',
      'distribution-w',
      'predictors',
      'runs',
      'similarity',
      'similarity-layers',
    ]);
    expect(line.leftOut.map(({ analysis }) => analysis).toSorted()).toEqual([
      'attention',
      'layers',
      'methods',
      'sensitivity',
      'sharing',
    ]);
    expect(line.leftOut.find(({ analysis }) => analysis === 'sharing')?.reason).toContain(
      'no --model and no --data or --dev',
    );
    const { stdout } = await cli('analyze', tiny.nouns);
    expect(stdout).toMatch(/left out: patterns, likeness between tasks: adapters of one task only \(nouns\)/);
  });

  function expectMistake({ code, stdout, stderr }: CliResult, name: string, ...parts: string[]): void {
    const last = stderr.trim().split('\n').at(-1) as string;
    expect(last).toMatch(new RegExp(`^error \\[${name}\\] `));
    for (const part of parts) expect(last).toContain(part);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  }

  it('what was asked for by name and cannot be done is an error', async () => {
    expectMistake(
      await cli('analyze', tiny.nouns, '--only', 'sharing'),
      'ANALYZE_NEEDS',
      'one task only',
      'two tasks or more',
    );
    expectMistake(await cli('analyze', tiny.nouns, '--only', 'patterns'), 'ANALYZE_NEEDS', 'two tasks or more');
    expectMistake(await cli('analyze', tiny.nouns, '--only', 'attention'), 'ANALYZE_NEEDS', '--model');
    for (const analysis of ['sensitivity', 'methods'])
      expectMistake(await cli('analyze', tiny.nouns, '--only', analysis), 'ANALYZE_NEEDS', 'sweep');
  });

  it('adapters that do not belong together are refused', async () => {
    const { config, tensors } = adapterAt(tiny.nouns);
    const other = (name: string, change: Partial<typeof config>): string =>
      writeAdapter(at('others', name), { config: { ...config, task: 'other', ...change }, tensors });
    expectMistake(
      await cli('analyze', tiny.nouns, other('base', { base_weights_sha256: '0'.repeat(64) })),
      'ADAPTER_BASE_MISMATCH',
      '0'.repeat(64),
      config.base_weights_sha256,
    );
    expectMistake(
      await cli('analyze', tiny.nouns, other('width', { hidden_size: 64 })),
      'ADAPTER_SHAPE_MISMATCH',
      '64',
      '32',
    );
    expectMistake(
      await cli('analyze', tiny.nouns, other('depth', { num_layers: 12 })),
      'ADAPTER_SHAPE_MISMATCH',
      '12',
      '3',
    );
    expectMistake(
      await cli('analyze', tiny.nouns, other('site', { site: 'output' })),
      'ADAPTER_SITE_MISMATCH',
      'output',
      'context',
    );
    // By itself it is only found out when it is to be scored.
    expectMistake(
      await cli('analyze', at('others', 'base'), '--model', tiny.model, '--dev', tiny.tables.nouns),
      'ADAPTER_BASE_MISMATCH',
    );
  });

  it('data that is not there is named before anything is computed', async () => {
    expectMistake(await cli('analyze', at('nowhere')), 'FOLDER_MISSING');
    expectMistake(
      await cli('analyze', tiny.nouns, '--model', tiny.model, '--data', at('nowhere')),
      'ANALYZE_DATA',
      '--dev nouns=FILE',
    );
    const { config, tensors } = adapterAt(tiny.nouns);
    const glue = writeAdapter(at('glue'), { config: { ...config, task: 'sst2' }, tensors });
    expectMistake(await cli('analyze', glue, '--model', tiny.model, '--data', at('nowhere')), 'TASK_FILES');
    expectMistake(await cli('analyze', tiny.nouns, '--model', tiny.model, '--dev', at('nowhere.csv')), 'FILE_MISSING');
    expectMistake(await cli('analyze', tiny.nouns, '--task', 'weather'), 'ANALYZE_NOTHING');
    const unnamed = await cli('analyze', tiny.nouns, tiny.kinds, ...scored, '--only', 'sharing', '--joint-epochs', 1);
    expectMistake(unnamed, 'ANALYZE_TRAIN', '--train nouns=FILE');
  });

  it('nothing is left where a report cannot be written', async () => {
    expectMistake(await cli('analyze', tiny.nouns, '--report', '/dev/null/report.html'), 'OUTPUT_UNWRITABLE');
    const blocked = at('blocked');
    write(join(blocked, 'report.html', 'file'), 'somebody is here');
    expectMistake(await cli('analyze', tiny.nouns, '--report', join(blocked, 'report.html')), 'OUTPUT_UNWRITABLE');
    expect(readdirSync(blocked).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(existsSync(join(blocked, 'report.html', 'file'))).toBe(true);
  });
});
