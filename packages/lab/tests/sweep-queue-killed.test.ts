import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRuns } from '../src/sweep/results.js';
import { cli, scratchFolder } from './support/cli.js';
import { noRedis, privateRedis, type PrivateRedis } from './support/redis.js';
import { TINY_METHODS, TINY_TASKS, expectSame, resultsOf, start, tinySweep, type Started } from './support/sweep.js';

const reason = noRedis();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const folder = scratchFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const sweepOf = (name: string): string => tinySweep(at(name), `${TINY_TASKS}\nseeds: 6\n${TINY_METHODS}`);

describe.skipIf(reason !== undefined)('a sweep of 60 runs through Redis', () => {
  let redis: PrivateRedis;
  const whole = sweepOf('whole');

  const workers: Started[] = [];
  const worker = (): Started =>
    start(
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
    );

  beforeAll(async () => {
    redis = await privateRedis(at('redis'));
    expect((await cli('sweep', whole, '--workers', 1)).code).toBe(0);
  }, 120_000);
  afterAll(async () => {
    for (const { child } of workers) child.kill('SIGKILL');
    await redis?.close();
  });

  it('with a worker killed in the middle of one has 60 results, none twice, those of a single process', async () => {
    const sweep = sweepOf('killed');
    const [first, second] = [worker(), worker()];
    workers.push(first, second);
    const done = cli('sweep', sweep, '--queue', redis.url);
    await first.says('finished', 6);
    const key = await killInTheMiddle(first, redis);
    const { begun, finished } = runsOf(first);

    const { code, stderr, stdout } = await done;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('60 of 60 runs finished');
    expect(stderr.match(/✓/g)).toHaveLength(60);
    // The other one went on with what the first held, and did the rest.
    expect(second.output()).toContain(`resumed ${begun.at(-1)}`);
    expect(second.output().match(/^finished/gm)?.length).toBe(60 - finished.length);
    expect(readRuns(resultsOf(sweep)).map((row) => row.key)).toContain(key);
    expectSame(sweep, whole, 60);
    // Nothing of it stays in Redis, and the worker that is left ends when it is asked to.
    expect(
      (await redis.client.keys('hadamard:*')).filter((each) => /checkpoint|result|runs:[0-9a-f]{64}/.test(each)),
    ).toEqual([]);
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(130);
  }, 120_000);
});

const runsOf = (worker: Started): Record<'begun' | 'finished', string[]> => {
  const named = (pattern: RegExp): string[] => [...worker.output().matchAll(pattern)].map(([, run]) => run as string);
  return { begun: named(/^(?:started|resumed) (.*)$/gm), finished: named(/^finished (.*): accuracy/gm) };
};

/**
 * Kill a worker that has begun a run, has put a checkpoint of it away and has not finished it; answers the key of that
 * run.
 */
async function killInTheMiddle(worker: Started, { client }: PrivateRedis): Promise<string> {
  for (;;) {
    // While it stands still it can be looked at at leisure.
    worker.child.kill('SIGSTOP');
    await setTimeout(100);
    const { begun, finished } = runsOf(worker);
    for (const checkpoint of begun.length > finished.length ? await client.keys('hadamard:checkpoint:*') : []) {
      const key = checkpoint.split(':').at(-1) as string;
      const [name, end] = await client.hmget(`hadamard:runs:${key}`, 'pb', 'finishedOn');
      if (name?.endsWith(`-${worker.child.pid}`) !== true || end !== null) continue;
      worker.child.kill('SIGKILL');
      await worker.ended;
      return key;
    }
    worker.child.kill('SIGCONT');
    await setTimeout(10);
  }
}
