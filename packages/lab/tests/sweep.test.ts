import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SWEEP_PROCESS } from '../src/assets.js';
import { openModel } from '@hadamard-adapter/cli/internal';
import { settingsOf } from '../src/methods.js';
import { openEnvironment } from '../src/sweep/environment.js';
import { executeRun, type CheckpointStore } from '../src/sweep/execute.js';
import { loadSource } from '../src/sweep/load.js';
import { planRuns, type PlannedRun } from '../src/sweep/plan-runs.js';
import { runPool } from '../src/sweep/pool.js';
import { readRuns } from '../src/sweep/results.js';
import { readSweep } from '../src/sweep/spec.js';
import type { SweepView } from '../src/sweep/view.js';
import { cli, lastLine, scratchFolder, write } from './support/cli.js';
import { TINY_TASKS, outcomes, resultsOf, start, tinySweep } from './support/sweep.js';

const folder = scratchFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);

const SWEEP = `${TINY_TASKS}
seeds: 2
methods:
  classifier: { classifierEpochs: 2 }
  hadamard: { classifierEpochs: 2, epochs: 2, lr: [0.003, 0.01] }
`;

/** Done once, by one process at a time: what all others are compared with. */
const whole = tinySweep(at('whole'), SWEEP);
let runs: PlannedRun[];

beforeAll(async () => {
  expect(existsSync(SWEEP_PROCESS), 'build first: npm run build').toBe(true);
  const result = await cli('sweep', whole);
  expect(result.code, result.stderr).toBe(0);
  const sweep = await readSweep(whole);
  runs = await planRuns(sweep, openEnvironment(await openModel(sweep.model), loadSource));
}, 60_000);

describe('a sweep', () => {
  it('has a result for every run, with everything that it leaves', () => {
    const rows = readRuns(resultsOf(whole));
    expect(rows.map(({ key }) => key)).toEqual(runs.map(({ key }) => key));
    expect(rows).toHaveLength(12);
    const row = rows.find(({ settings }) => settings.method === 'hadamard');
    expect(row).toMatchObject({
      task: 'nouns',
      method: 'hadamard',
      seed: 0,
      metric: 'accuracy',
      trainable: 3 * 4 * 32,
    });
    expect(row?.stages.map(({ name }) => name)).toEqual(['classifier', 'adapter']);
    expect(row?.history).toHaveLength(4);
    expect(row?.score).toBe(row?.scores['accuracy']);
    expect(Object.keys(row?.files ?? {}).toSorted()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    expect(rows.filter(({ files }) => files !== undefined)).toHaveLength(8);
    expect(rows.every(({ weights }) => (weights?.length ?? 0) > 0)).toBe(true);
    expect(readdirSync(join(dirname(resultsOf(whole)), 'running'))).toEqual([]);
  });

  it('leaves adapters that the other commands use', async () => {
    const row = readRuns(resultsOf(whole)).find(({ files }) => files !== undefined);
    mkdirSync(at('adapter'));
    for (const [name, bytes] of Object.entries(row?.files ?? {})) writeFileSync(at('adapter', name), bytes);
    const flags = [
      '--model',
      at('whole', 'model'),
      '--adapter',
      at('adapter'),
      '--dev',
      at('whole', 'tables', 'test.csv'),
      '--threads',
      1,
    ] as const;
    expect(lastLine(await cli('evaluate', ...flags, '--json'))).toMatchObject({ score: row?.score });
  });

  it('done again is not done again, whatever it is called and wherever it lies', async () => {
    const moved = tinySweep(
      at('moved'),
      SWEEP.replace('hadamard: {', 'of the paper: { method: hadamard,').replace(
        'threads: 1',
        'output: ../whole/sweep-results',
      ),
    );
    const before = readRuns(resultsOf(whole));
    for (const sweep of [whole, moved]) {
      const { code, stderr, stdout } = await cli('sweep', sweep);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('12 of 12 runs finished; results in');
    }
    expect(readRuns(resultsOf(whole))).toEqual(before);
  });

  it('by two processes has the same results to the last bit', async () => {
    const other = tinySweep(at('two'), SWEEP);
    expect((await cli('sweep', other, '--workers', 2)).code).toBe(0);
    expect(outcomes(other)).toEqual(outcomes(whole));
  });

  it('of more seeds only does what is new', async () => {
    const settings = SWEEP.replace(/ {2}hadamard:[^]*/, '');
    const other = tinySweep(at('more'), settings.replace('seeds: 2', 'seeds: 1'));
    expect((await cli('sweep', other)).code).toBe(0);
    tinySweep(at('more'), settings.replace('seeds: 2', 'seeds: [1, 0]'));
    const { code, stderr, stdout } = await cli('sweep', other);
    expect(code).toBe(0);
    expect(stderr.match(/seed \d/g)).toEqual(['seed 1', 'seed 1']);
    expect(stdout).toMatch(/4 of 4 runs finished, 2 of them now, in \d+(\.\d)? s; results in/);
    expect(outcomes(other).size).toBe(4);
    for (const [key, row] of outcomes(other)) expect(row).toEqual(outcomes(whole).get(key));
  });

  it('--show prints what there is, and runs nothing', async () => {
    const { code, stdout, stderr } = await cli('sweep', whole, '--show', '--against', 'hadamard');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const part of ['accuracy', 'lr 0.01', '384', '1.24 %', 'difference to hadamard, paired by seed'])
      expect(stdout).toContain(part);
    const line = lastLine<{ settings: unknown[]; differences: { method: string }[] }>(
      await cli('sweep', whole, '--show', '--json'),
    );
    expect(line).toMatchObject({
      runs: 12,
      finished: 12,
      ran: 0,
      failed: [],
      interrupted: false,
      against: 'classifier',
    });
    expect(line.settings).toHaveLength(6);
    expect(line.differences.map(({ method }) => method)).toEqual(['hadamard', 'hadamard']);
    const none = await cli('sweep', tinySweep(at('none'), SWEEP), '--show');
    expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('[RESULTS_MISSING]') });
  });

  it('goes on without a run that fails, and tells which', async () => {
    const other = tinySweep(
      at('failing'),
      `${TINY_TASKS}\nseeds: 1\nmethods: { hadamard: { classifierEpochs: 1, epochs: 1, layers: [[0], [9]] } }`,
    );
    const { code, stdout, stderr } = await cli('sweep', other);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /2\/4 {2}✗ nouns, hadamard, layers 9, seed 0: \[ADAPTER_LAYERS\] .*found 9, expected some of 0 to 2/,
    );
    expect(stdout).toMatch(
      /2 of 4 runs finished, 2 of them now, in [^\n]+\nfailed {2}nouns, hadamard, layers 9, seed 0: \[ADAPTER_LAYERS\] [^\n]+\nfailed {2}held out, hadamard, layers 9/,
    );
    expect(readRuns(resultsOf(other)).map(({ settings }) => settings.layers)).toEqual([[0], [0]]);
  });

  it('stops when results cannot be written, with the checkpoints of what ran', async () => {
    const other = tinySweep(at('elsewhere'), `${SWEEP}\noutput: taken`);
    write(at('elsewhere', 'taken'), 'a file');
    expect(await cli('sweep', other)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error \[(OUTPUT_UNWRITABLE|RESULTS_WRITE)\] [^\n]+\n$/),
    });
  });
});

describe('a sweep that is ended in the middle', () => {
  it.each([
    ['by Ctrl-C', 'SIGINT', 130],
    ['without a word', 'SIGKILL', null],
  ] as const)('%s goes on where it was, with the same results', async (name, signal, exit) => {
    const other = tinySweep(at(name), `${SWEEP}\ncheckpointEvery: 1`);
    const first = start('sweep', other, '--workers', '2');
    await first.says(/\n4\/12/);
    first.child.kill(signal);
    expect(await first.ended, first.output()).toBe(exit);
    // A process of its own may still be writing down a run that it had finished.
    const done = readRuns(resultsOf(other)).length;
    expect(done).toBeGreaterThanOrEqual(4);
    expect(done).toBeLessThan(12);

    const { code, stderr } = await cli('sweep', other);
    expect(code, stderr).toBe(0);
    expect(stderr.match(/✓/g)).toHaveLength(12 - done);
    expect(outcomes(other)).toEqual(outcomes(whole));
    expect(readdirSync(dirname(resultsOf(other))).toSorted()).toEqual(['results.sqlite', 'running']);
    expect(readdirSync(join(dirname(resultsOf(other)), 'running'))).toEqual([]);
  });
});

describe('one run', () => {
  it('that is interrupted after every step has the same bits as one that never was', async () => {
    const sweep = await readSweep(whole);
    const environment = openEnvironment(await openModel(sweep.model), loadSource);
    const run = runs.find(
      ({ settings }) => settings.lr === settingsOf({ method: 'hadamard' }).lr && settings.method === 'hadamard',
    ) as PlannedRun;
    const kept = new Map<string, Readonly<Record<string, Uint8Array>>>();
    const checkpoints: CheckpointStore = {
      load: async (key) => kept.get(key),
      save: async (key, files) => void kept.set(key, files),
    };
    let result: Awaited<ReturnType<typeof executeRun>>;
    let rounds = 0;
    const started = performance.now();
    const times: number[] = [];
    for (; result === undefined; rounds++) {
      const stop = new AbortController();
      result = await executeRun(run, environment, {
        threads: 1,
        checkpoints,
        checkpointEvery: 1000,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      if (result === undefined)
        times.push(JSON.parse(new TextDecoder().decode(kept.get(run.key)?.['time.json'])).seconds);
    }
    // Two batches an epoch, two epochs, two stages.
    expect(rounds).toBeGreaterThan(8);
    const { seconds, ...rest } = result;
    // Each round adds to those before it.
    expect([...times, seconds]).toEqual([...times, seconds].toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(0);
    expect(seconds).toBeLessThan((performance.now() - started) / 1000);
    expect(outcomes(whole).get(run.key)).toMatchObject(rest);
  });

  it('does not start with other data or another model than it was made for', async () => {
    const sweep = await readSweep(whole);
    const environment = openEnvironment(await openModel(sweep.model), loadSource);
    const [run] = runs as [PlannedRun];
    await expect(environment.prepare({ ...run, data: '0'.repeat(64) })).rejects.toThrow(
      /The data of nouns are others than the run was made for: found [0-9a-f]{12}, expected 000000000000/,
    );
    await expect(environment.prepare({ ...run, model: { ...run.model, weights: '1'.repeat(64) } })).rejects.toThrow(
      expect.objectContaining({ code: 'RUN_MODEL' }),
    );
    await expect(environment.prepare({ ...run, model: { ...run.model, files: '1'.repeat(64) } })).rejects.toThrow(
      /config or tokenizer/,
    );
  });
});

describe('a local process that dies', () => {
  /** Dies over each run as often as the seed says, and then does it. */
  const program = write(
    at('dying.mjs'),
    `import { appendFileSync, existsSync, readFileSync } from 'node:fs';
     process.on('message', (message) => {
       if (message.type === 'stop') setImmediate(() => process.disconnect());
       if (message.type !== 'run') return;
       const { key, seed } = message.run;
       const file = ${JSON.stringify(at('deaths-'))} + key;
       const deaths = existsSync(file) ? readFileSync(file, 'utf8').length : 0;
       if (deaths < seed) {
         appendFileSync(file, 'x');
         process.kill(process.pid, 'SIGKILL');
       } else process.send({ type: 'done', result: { score: seed } });
     });`,
  );

  it('is replaced; its run is tried once more and then given up, others go on', async () => {
    const [run] = runs as [PlannedRun];
    const all = [0, 1, 2, 3, 0, 1].map((seed, i) => ({ ...run, key: `run${i}`, seed }));
    const kept: string[] = [];
    const notes: string[] = [];
    const view: SweepView<PlannedRun> = {
      started: () => {},
      progress: () => {},
      finished: () => {},
      failed: () => {},
      left: () => {},
      note: (text) => notes.push(text),
      stop: () => {},
    };
    const outcome = await runPool(all, {
      workers: 2,
      setup: { model: '', threads: 1, checkpointEvery: 1, running: folder },
      signal: new AbortController().signal,
      view,
      keep: async ({ key }) => void kept.push(key),
      program,
    });
    expect(kept.toSorted()).toEqual(['run0', 'run1', 'run4', 'run5']);
    expect(outcome.interrupted).toBe(false);
    expect(outcome.failed.map(({ run: { key }, failure }) => [key, failure.code]).toSorted()).toEqual([
      ['run2', 'RUN_DIED'],
      ['run3', 'RUN_DIED'],
    ]);
    expect(outcome.failed[0]?.failure.message).toBe('The process of the run died 2 times: SIGKILL');
    expect(notes).toHaveLength(4);
    expect(readFileSync(at('deaths-run3'), 'utf8')).toBe('xx');
  });

  it('when results cannot be kept, all end', async () => {
    const [run] = runs as [PlannedRun];
    const all = Array.from({ length: 6 }, (_, i) => ({ ...run, key: `other${i}`, seed: 0 }));
    const view: SweepView<PlannedRun> = {
      started: () => {},
      progress: () => {},
      finished: () => {},
      failed: () => {},
      left: () => {},
      note: () => {},
      stop: () => {},
    };
    let kept = 0;
    const keep = async (): Promise<void> => {
      if (++kept === 2) throw new Error('full');
    };
    await expect(
      runPool(all, {
        workers: 2,
        setup: { model: '', threads: 1, checkpointEvery: 1, running: folder },
        signal: new AbortController().signal,
        view,
        keep,
        program,
      }),
    ).rejects.toThrow('full');
    expect(kept).toBeLessThan(6);
  });
});
