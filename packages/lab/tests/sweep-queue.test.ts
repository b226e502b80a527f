import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli, lastLine, scratchFolder, write } from './support/cli.js';
import { noRedis, privateRedis, type PrivateRedis } from './support/redis.js';
import { TINY_METHODS, TINY_TASKS, expectSame, start, tinyModel, tinySweep, type Started } from './support/sweep.js';

const reason = noRedis();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const folder = scratchFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);

const sweepOf = (name: string, seeds: number | string, methods = TINY_METHODS): string =>
  tinySweep(at(name), `${TINY_TASKS}\nseeds: ${seeds}\n${methods}`);

describe.skipIf(reason !== undefined)('a sweep through Redis', () => {
  let redis: PrivateRedis;
  const whole = sweepOf('whole', 1);
  const started: Started[] = [];

  /** A worker process with the tiny model and its tables. */
  function worker(...flags: readonly string[]): Started {
    const made = start(
      'worker',
      '--queue',
      redis.url,
      '--model',
      at('whole', 'model'),
      '--data',
      at('whole'),
      '--threads',
      '1',
      '--checkpoint-every',
      '1',
      ...flags,
    );
    started.push(made);
    return made;
  }
  const left = async (): Promise<string[]> =>
    (await redis.client.keys('hadamard:*')).filter((key) => /checkpoint|result|runs:[0-9a-f]{64}/.test(key));
  beforeAll(async () => {
    redis = await privateRedis(at('redis'));
    expect((await cli('sweep', whole, '--workers', 1)).code).toBe(0);
  }, 60_000);
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGINT');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    await redis.client.flushdb();
  });
  afterAll(async () => {
    await redis?.close();
  });

  it('goes on when Redis goes away and comes back, and nothing is lost', async () => {
    const sweep = sweepOf('away', 1);
    const workers = [worker(), worker()];
    const done = start('sweep', sweep, '--queue', redis.url);
    await done.says(/\n3\/10/);
    await redis.stop();
    await Promise.all(
      [...workers, done].map((each) => each.says(/Redis at redis:\/\/127\.0\.0\.1:\d+\/3 is not reachable, waiting/)),
    );
    await setTimeout(500);
    await redis.start();
    expect(await done.ended, done.output()).toBe(0);
    for (const each of [...workers, done]) expect(each.output()).toContain('is back');
    expect(done.output().match(/✓/g)).toHaveLength(10);
    expectSame(sweep, whole, 10);
    expect(await left()).toEqual([]);
  });

  it('is refused by workers with another model or other data, which say what they have and lack', async () => {
    const sweep = sweepOf('refused', 1);
    const [model, tables] = [tinyModel(at('other', 'model')), at('other', 'tables')];
    write(
      join(model, 'tokenizer.json'),
      readFileSync(join(model, 'tokenizer.json'), 'utf8').replace('"dog"', '"wolf"'),
    );
    for (const name of ['train.csv', 'test.csv'])
      write(join(tables, name), readFileSync(at('whole', 'tables', name), 'utf8').replaceAll('door', 'gate'));
    const others = [
      worker('--model', model),
      start('worker', '--queue', redis.url, '--model', at('whole', 'model'), '--data', at('other'), '--threads', '1'),
    ];
    started.push(...others.slice(1));
    const done = start('sweep', sweep, '--queue', redis.url);
    await others[0]?.says(
      /refused .*: The model has another config or tokenizer than the run was made for: found [0-9a-f]{12}, expected [0-9a-f]{12}/,
    );
    await others[1]?.says(
      /refused nouns, .*: The data of nouns are others than the run was made for: found [0-9a-f]{12}, expected [0-9a-f]{12}/,
    );
    await done.says(/no worker has data [0-9a-f]{12} \(nouns\), for which 5 runs wait; .*found [0-9a-f]{12}/);
    others[1]?.child.kill('SIGINT');
    await done.says(
      /no worker has model [0-9a-f]{12}, for which 10 runs wait; [\w-]+ has its weights with the config and tokenizer [0-9a-f]{12}, not [0-9a-f]{12}/,
    );
    const right = worker();
    expect(await done.ended, done.output()).toBe(0);
    expect(right.output().match(/^finished/gm)).toHaveLength(10);
    expectSame(sweep, whole, 10);
    expect(others.map((each) => /^finished/m.test(each.output()))).toEqual([false, false]);
  });

  it('takes what was finished while it was not there, and workers that end put back what they have', async () => {
    const sweep = sweepOf('absent', 1);
    const first = start('sweep', sweep, '--queue', redis.url);
    await first.says('no worker is there');
    first.child.kill('SIGINT');
    expect(await first.ended, first.output()).toBe(130);
    expect(first.output()).toContain('workers go on, and the same command takes their results');

    const short = worker();
    await short.says('started', 3);
    short.child.kill('SIGINT');
    expect(await short.ended).toBe(130);
    const did = short.output().match(/^finished/gm)?.length ?? 0;
    expect(short.output()).toContain(`${did} runs finished, 0 failed, 0 refused`);
    const long = worker('--concurrency', '2');
    await long.says('finished', 10 - did);
    const { code, stderr } = await cli('sweep', sweep, '--queue', redis.url);
    expect(code, stderr).toBe(0);
    expectSame(sweep, whole, 10);
    // There is nothing to ask Redis for any more.
    expect((await cli('sweep', sweep, '--queue', 'redis://127.0.0.1:1')).code).toBe(0);
  });

  it('names runs that fail, and tries them again the next time', async () => {
    const sweep = sweepOf(
      'failing',
      1,
      'methods: { hadamard: { classifierEpochs: 1, epochs: 1, layers: [[0], [9]] } }',
    );
    worker();
    for (let i = 0; i < 2; i++) {
      const result = await cli('sweep', sweep, '--queue', redis.url, '--json');
      expect(result.code).toBe(1);
      expect(lastLine(result)).toMatchObject({
        runs: 4,
        finished: 2,
        failed: [
          { task: 'nouns', code: 'ADAPTER_LAYERS' },
          { task: 'held out', code: 'ADAPTER_LAYERS' },
        ],
      });
    }
    expect(await left()).toEqual([]);
  });

  it('is refused when the queue holds something else under its name', async () => {
    const sweep = sweepOf('strange', 1, 'methods: { classifier: }');
    const { Queue } = await import('bullmq');
    const queue = new Queue('runs', { connection: redis.client, prefix: 'hadamard' });
    await queue.add('run', { version: 1, run: { source: { train: '../../secret.csv' } } }, { jobId: 'x'.repeat(64) });
    await queue.close();
    const odd = worker();
    await odd.says(/failed job x{12}: \[QUEUE_JOB\] The run in the queue is not valid at run\.\w+/);
    expect((await cli('sweep', sweep, '--queue', redis.url)).code).toBe(0);
  });
});

describe('a queue that is not there', () => {
  it('ends a sweep after some seconds', async () => {
    const begun = Date.now();
    const { code, stdout, stderr } = await cli(
      'sweep',
      sweepOf('nowhere', 1),
      '--queue',
      'redis://:secret@127.0.0.1:1/2',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error \[QUEUE_CONNECT\] Redis cannot be reached: found redis:\/\/127\.0\.0\.1:1\/2: .*ECONNREFUSED/,
    );
    expect(stderr).not.toContain('secret');
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  it.each(['http://127.0.0.1', 'localhost:6379', 'nonsense'])('at %s is no address', async (url) => {
    expect(await cli('worker', '--model', at('whole', 'model'), '--queue', url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[QUEUE_URL]'),
    });
  });

  it('nor is a data folder of a worker', async () => {
    expect(
      await cli('worker', '--model', at('whole', 'model'), '--queue', 'redis://127.0.0.1:1', '--data', at('nothing')),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('[FOLDER_MISSING]') });
  });
});
