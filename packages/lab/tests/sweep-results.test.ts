import fs, { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { describe, expect, it, vi } from 'vitest';
import { settingsOf } from '../src/methods.js';
import type { RunResult } from '../src/sweep/result.js';
import { openResults, readRuns } from '../src/sweep/results.js';
import type { Run } from '../src/sweep/run.js';
import { scratchFolder } from './support/cli.js';

const folder = scratchFolder();
let count = 0;
const place = (): string => join(folder, String(count++), 'results.sqlite');

const runOf = (key: string): Run => ({
  key,
  task: 'sst2',
  method: 'mine',
  settings: settingsOf({ method: 'hadamard', layers: [1, 2] }),
  seed: 7,
  modelName: 'mini',
  model: { weights: 'w', files: 'f' },
  data: 'd',
  metric: 'accuracy',
  limit: 10,
  arithmetic: 'float32',
  source: { name: 'sst2', flags: { holdout: 0.2 }, portable: { holdout: 0.2 } },
});

const result: RunResult = {
  metric: 'accuracy',
  score: 0.1 + 0.2,
  scores: { accuracy: 0.1 + 0.2 },
  stages: [{ name: 'classifier', groups: ['classifier'], trainable: 3, epochs: 1, steps: 2, bestEpoch: 1, loss: 0.5 }],
  history: [{ stage: 'classifier', epoch: 1, loss: 0.5 }],
  trainable: 36_864,
  total: 109_482_240,
  seconds: 1.5,
  weights: Uint8Array.of(1, 2, 3),
  files: { 'adapter_config.json': Uint8Array.of(4), 'README.md': new Uint8Array() },
};

function save(path: string, ...keys: readonly string[]): void {
  const results = openResults(path);
  for (const key of keys) results.save(runOf(key), result);
  results.close();
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'none';
};

describe('the file of results', () => {
  it('gives back what was put in, to the last bit', () => {
    const path = place();
    save(path, 'a', 'b');
    const [row, other] = readRuns(path);
    const { settings } = runOf('a');
    expect(row).toEqual({
      ...result,
      key: 'a',
      task: 'sst2',
      method: 'mine',
      settings,
      seed: 7,
      modelName: 'mini',
      model: 'w',
      modelFiles: 'f',
      limit: 10,
      arithmetic: 'float32',
      data: 'd',
      finishedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(other?.key).toBe('b');
    const [small] = readRuns(path, { tensors: false });
    expect(small).toMatchObject({ key: 'a', score: 0.1 + 0.2 });
    expect(small).not.toHaveProperty('weights');
    expect(small).not.toHaveProperty('files');
    expect(readdirSync(dirname(path))).toEqual(['results.sqlite']);
  });

  it('has no run twice, and knows those it has when opened again', () => {
    const path = place();
    save(path, 'a');
    const results = openResults(path);
    expect([results.has('a'), results.has('b')]).toEqual([true, false]);
    results.save(runOf('a'), { ...result, score: 0 });
    results.close();
    expect(readRuns(path)).toMatchObject([{ score: 0.1 + 0.2 }]);
  });

  it('is read while it is written', () => {
    const path = place();
    const results = openResults(path);
    expect(readRuns(path)).toEqual([]);
    results.save(runOf('a'), result);
    expect(readRuns(path)).toHaveLength(1);
    results.close();
  });

  it('on a full disk keeps what it had, names itself, and goes on when there is room', () => {
    const path = place();
    const results = openResults(path);
    results.save(runOf('a'), result);
    const full = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    });
    try {
      expect(() => results.save(runOf('b'), { ...result, weights: new Uint8Array(200_000) })).toThrow(
        expect.objectContaining({
          code: 'RESULTS_WRITE',
          message: expect.stringMatching(
            /The results cannot be written: found .*results\.sqlite: disk I\/O error; \d+ KiB free on its disk\. Everything finished before is kept/,
          ),
        }),
      );
    } finally {
      full.mockRestore();
    }
    expect(results.has('b')).toBe(false);
    expect(readRuns(path).map(({ key }) => key)).toEqual(['a']);
    results.save(runOf('b'), result);
    results.close();
    expect(readRuns(path).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('has one writer', () => {
    const path = place();
    const results = openResults(path);
    expect(codeOf(() => openResults(path))).toBe('RESULTS_BUSY');
    results.close();
    save(path, 'a');
    writeFileSync(`${path}.writer`, JSON.stringify({ host: hostname(), pid: process.ppid }));
    expect(() => openResults(path)).toThrow(
      new RegExp(`found process ${process.ppid} on .*remove .*results\\.sqlite\\.writer`),
    );
    writeFileSync(`${path}.writer`, JSON.stringify({ host: 'elsewhere', pid: 1 }));
    expect(codeOf(() => openResults(path))).toBe('RESULTS_BUSY');
  });

  it.each([
    ['was killed while it wrote', JSON.stringify({ host: hostname(), pid: 2 ** 30 })],
    ['wrote its note on a full disk', ''],
    [
      'had the same number in a container that was started again',
      JSON.stringify({ host: hostname(), pid: process.pid }),
    ],
  ])('is taken over from a process that %s', (_, note) => {
    const path = place();
    save(path, 'a');
    writeFileSync(`${path}.writer`, note);
    mkdirSync(`${path}.lock`);
    save(path, 'b');
    expect(readRuns(path)).toHaveLength(2);
    expect(readdirSync(dirname(path))).toEqual(['results.sqlite']);
  });

  it('is read although its writer was killed in the middle of writing', () => {
    const path = place();
    save(path, 'a');
    // As it is left behind: begun, and not yet committed.
    const database = new sqlite.Database(path);
    database.exec('PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE runs SET weights = zeroblob(300000)');
    const half = readFileSync(path);
    const journal = readFileSync(`${path}-journal`);
    database.exec('ROLLBACK');
    database.close();
    writeFileSync(path, half);
    writeFileSync(`${path}-journal`, journal);
    writeFileSync(`${path}.writer`, JSON.stringify({ host: hostname(), pid: 2 ** 30 }));
    mkdirSync(`${path}.lock`);
    expect(readRuns(path)).toMatchObject([{ key: 'a', weights: Uint8Array.of(1, 2, 3) }]);
    save(path, 'b');
    expect(readdirSync(dirname(path))).toEqual(['results.sqlite']);
  });

  it('of another kind is refused and left alone', () => {
    const text = place();
    mkdirSync(dirname(text));
    writeFileSync(text, 'no database. '.repeat(100));
    const before = readFileSync(text);
    for (const open of [() => openResults(text), () => readRuns(text)]) expect(codeOf(open)).toBe('RESULTS_FILE');
    expect(readFileSync(text)).toEqual(before);

    const foreign = place();
    mkdirSync(dirname(foreign));
    const database = new sqlite.Database(foreign);
    database.exec('CREATE TABLE cats (name TEXT)');
    database.close();
    for (const open of [() => openResults(foreign), () => readRuns(foreign)]) expect(codeOf(open)).toBe('RESULTS_FILE');
    expect(existsSync(`${foreign}.writer`)).toBe(false);

    const later = place();
    save(later, 'a');
    const newer = new sqlite.Database(later);
    newer.exec('PRAGMA user_version = 2');
    newer.close();
    expect(() => readRuns(later)).toThrow(/found version 2 of .*expected version 1/);
  });

  it('that is not there, or cannot be made, is named', () => {
    expect(codeOf(() => readRuns(join(folder, 'nothing')))).toBe('RESULTS_MISSING');
    expect(codeOf(() => readRuns(folder))).toBe('RESULTS_READ');
    writeFileSync(join(folder, 'plain'), '');
    expect(codeOf(() => openResults(join(folder, 'plain', 'results.sqlite')))).toBe('RESULTS_WRITE');
  });
});
