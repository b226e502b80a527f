import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { siteVectors } from '@hadamard-adapter/core/analysis';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  adapterAt,
  tinyAdapters,
  withIdleLayer,
  writeAdapter,
  trainTiny,
  type TinyAdapters,
} from './support/analyze.js';
import { cli, lastLine, scratchFolder, write, type CliResult } from './support/cli.js';

interface PruneLine {
  readonly kept: readonly number[];
  readonly removed: readonly number[];
  readonly by: string;
  readonly numbers: number;
  readonly of: number;
  readonly full: number;
  readonly score: number;
  readonly lost: number;
  readonly rows: number;
}

const folder = scratchFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
let tiny: TinyAdapters;
let scored: string[];
let idle: string;

async function pruned(adapter: string, output: string, ...argv: readonly (string | number)[]): Promise<PruneLine> {
  const result = await cli('prune', adapter, '-o', output, ...argv, '--json');
  expect(result.code, result.stderr).toBe(0);
  return lastLine<PruneLine>(result);
}

const predicted = async (adapter: string): Promise<unknown> =>
  lastLine<{ predictions: unknown }>(
    await cli(
      'predict',
      '--model',
      tiny.model,
      '--adapter',
      adapter,
      '--text',
      'The old hammer lay by the door.',
      '--text',
      'Whose cow is this?',
      '--json',
    ),
  ).predictions;

beforeAll(async () => {
  tiny = await tinyAdapters(folder);
  scored = ['--model', tiny.model, '--dev', tiny.tables.nouns];
  await trainTiny(tiny.model, tiny.tables.nouns, at('two'), '--layers', '0,2');
  idle = writeAdapter(at('idle'), await withIdleLayer(adapterAt(at('two')), tiny.model, 1));
}, 120_000);

describe('hadamard prune', () => {
  it('by scoring: drops what does nothing, and what is left answers the same', async () => {
    const line = await pruned(idle, at('scored'), '--keep', 2, ...scored);
    expect(line).toMatchObject({
      kept: [0, 2],
      removed: [1],
      by: 'elimination',
      numbers: 256,
      of: 384,
      lost: 0,
      rows: 40,
    });
    expect(await predicted(at('scored'))).toEqual(await predicted(idle));
    expect(adapterAt(at('scored')).config).toEqual(adapterAt(at('two')).config);
    expect(
      readFileSync(join(at('scored'), 'adapter_model.safetensors')).equals(
        readFileSync(join(at('two'), 'adapter_model.safetensors')),
      ),
    ).toBe(true);
  });

  it('without model and data: keeps what has moved most', async () => {
    const line = await pruned(idle, at('moved'), '--keep', 2);
    expect(line).toMatchObject({ kept: [0, 2], removed: [1], by: 'predictor' });
    const { stdout } = await cli('prune', tiny.nouns, '--keep', 1, '-o', at('person'));
    for (const part of ['kept 1 of 3 layers', '128 of 384 numbers', 'mean |w − 1| + mean |b|', 'KiB'])
      expect(stdout).toContain(part);
    const [left] = siteVectors(adapterAt(at('person')));
    const distance = (w: Float32Array, b: Float32Array): number =>
      w.reduce((sum, value) => sum + Math.abs(value - 1), 0) + b.reduce((sum, value) => sum + Math.abs(value), 0);
    const all = siteVectors(adapterAt(tiny.nouns)).map(({ layer, w, b }) => ({ layer, moved: distance(w, b) }));
    expect(left?.layer).toBe(all.toSorted((a, b) => b.moved - a.moved)[0]?.layer);
  });

  it('within a budget: a larger one keeps no more layers, and evaluate finds the score', async () => {
    const lines: PruneLine[] = [];
    for (const budget of [0, 5, 100])
      lines.push(await pruned(tiny.nouns, at(`budget-${budget}`), '--budget', budget, ...scored));
    for (const [i, { kept, full, score, lost }] of lines.entries()) {
      expect(lost).toBeLessThanOrEqual([0, 5, 100][i] as number);
      expect(lost).toBeCloseTo(100 * (full - score), 10);
      expect(kept.length).toBeLessThanOrEqual(lines[i - 1]?.kept.length ?? 3);
    }
    expect(lines[2]?.kept).toHaveLength(1);
    for (const [i, budget] of [0, 5, 100].entries()) {
      const evaluated = await cli(
        'evaluate',
        '--model',
        tiny.model,
        '--adapter',
        at(`budget-${budget}`),
        '--dev',
        tiny.tables.nouns,
        '--json',
      );
      expect(lastLine<{ score: number }>(evaluated).score).toBe(lines[i]?.score);
    }
  });

  it('what it writes can be merged, pruned and analyzed again', async () => {
    await pruned(tiny.nouns, at('first'), '--keep', 2);
    await pruned(at('first'), at('second'), '--keep', 1);
    expect((await cli('merge', '--model', tiny.model, '--adapter', at('second'), '--output', at('merged'))).code).toBe(
      0,
    );
    const { tables } = lastLine<{ tables: { runs: { layers: string }[]; similarity: unknown[] } }>(
      await cli('analyze', at('second'), tiny.kinds, '--json'),
    );
    expect(tables.runs[0]?.layers).toBe('1 of 3');
  });

  it('hands the licence of the card on, and says what was dropped', async () => {
    const { config, tensors } = adapterAt(tiny.nouns);
    const card = '---\nlicense: "mit"\nlanguage: "en"\ntags:\n  - "peft"\n  - "nouns"\n---\n# Mine\n';
    write(join(writeAdapter(at('licensed'), { config, tensors }), 'README.md'), card);
    await pruned(at('licensed'), at('licensed-small'), '--keep', 1);
    const written = readFileSync(join(at('licensed-small'), 'README.md'), 'utf8');
    for (const part of [
      'license: "mit"',
      'language: "en"',
      '- "nouns"',
      'were dropped',
      '1 of 3 layers',
      '| numbers trained | 128 |',
    ])
      expect(written).toContain(part);
  });
});

describe('what prune refuses', () => {
  function expectMistake({ code, stdout, stderr }: CliResult, name: string, ...parts: string[]): void {
    expect(stderr).toMatch(new RegExp(`^error \\[${name}\\] [^\\n]+\\n$`));
    for (const part of parts) expect(stderr).toContain(part);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(existsSync(at('never'))).toBe(false);
  }
  const prune = (...argv: readonly (string | number)[]): Promise<CliResult> => cli('prune', tiny.nouns, ...argv);
  const never = ['-o', at('never')] as const;

  it('numbers of layers that the adapter cannot keep', async () => {
    expectMistake(await prune('--keep', 4, ...never), 'PRUNE_KEEP', '--keep 4', '1 to 3');
    expectMistake(await prune('--keep', 0, ...never), 'PRUNE_KEEP', '--keep 0', '1 to 3');
  });

  it('no goal, and two of them', async () => {
    expectMistake(await prune(...never), 'PRUNE_WHAT', 'neither');
    expectMistake(await prune('--keep', 1, '--budget', 1, ...never), 'PRUNE_WHAT', '--keep and --budget');
  });

  it('scoring with half of what it needs', async () => {
    expectMistake(await prune('--budget', 1, ...never), 'PRUNE_DATA', 'neither a model nor labelled rows');
    expectMistake(await prune('--budget', 1, '--model', tiny.model, ...never), 'PRUNE_DATA', 'no labelled rows');
    expectMistake(await prune('--keep', 1, '--dev', tiny.tables.nouns, ...never), 'PRUNE_DATA', 'no model');
  });

  it('to replace a folder, also one that is an adapter', async () => {
    const before = readFileSync(join(tiny.kinds, 'adapter_model.safetensors'));
    expectMistake(await prune('--keep', 1, '-o', tiny.kinds), 'OUTPUT_OCCUPIED', tiny.kinds);
    expectMistake(await prune('--keep', 1, '-o', tiny.nouns), 'OUTPUT_OCCUPIED');
    expect(readFileSync(join(tiny.kinds, 'adapter_model.safetensors')).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('an adapter of another base, and one that is not there', async () => {
    const { config, tensors } = adapterAt(tiny.nouns);
    const other = writeAdapter(at('other'), { config: { ...config, base_weights_sha256: '0'.repeat(64) }, tensors });
    expectMistake(await cli('prune', other, '--keep', 1, ...scored, ...never), 'ADAPTER_BASE_MISMATCH');
    expectMistake(await cli('prune', at('nowhere'), '--keep', 1, ...never), 'FOLDER_MISSING');
    expectMistake(
      await prune('--keep', 1, '--model', tiny.model, '--dev', at('nowhere.csv'), ...never),
      'FILE_MISSING',
    );
  });
});
