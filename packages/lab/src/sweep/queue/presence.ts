import type { Redis } from 'ioredis';
import { groupBy } from '../../group-by.js';
import { short } from '../canonical.js';
import type { Run } from '../run.js';
import type { WorkerNote } from './job.js';
import { WORKERS_KEY, workerKey } from './names.js';

/** A worker that has not been heard of for so long is gone. */
const PRESENT_SECONDS = 20;
const SIGN_MS = 5000;

/** Tell sweeps that this worker is there and which model it has, until `stop`. */
export function announce(redis: Redis, name: string, note: WorkerNote): { stop(): Promise<void> } {
  const sign = (): void =>
    void redis
      .multi()
      .sadd(WORKERS_KEY, name)
      .set(workerKey(name), JSON.stringify(note), 'EX', PRESENT_SECONDS)
      .exec()
      .catch(() => undefined);
  sign();
  const timer = setInterval(sign, SIGN_MS);
  return {
    async stop() {
      clearInterval(timer);
      await redis
        .multi()
        .srem(WORKERS_KEY, name)
        .del(workerKey(name))
        .exec()
        .catch(() => undefined);
    },
  };
}

/** Workers that are there, by name. */
export async function presentWorkers(redis: Redis): Promise<Map<string, WorkerNote>> {
  const names = await redis.smembers(WORKERS_KEY);
  const present = new Map<string, WorkerNote>();
  if (names.length === 0) return present;
  const notes = await redis.mget(names.map(workerKey));
  for (const [i, name] of names.entries()) {
    const note = notes[i];
    if (note === null || note === undefined) await redis.srem(WORKERS_KEY, name);
    // Written by `announce`.
    else present.set(name, JSON.parse(note) as WorkerNote);
  }
  return present;
}

/**
 * What no worker that is there can do, as sentences; none when every run has one that may fit.
 *
 * @param refused why workers have refused the data of runs, by the hash of the data and the name of the worker.
 */
export function unfit(
  runs: Iterable<Run>,
  workers: ReadonlyMap<string, WorkerNote>,
  refused: ReadonlyMap<string, ReadonlyMap<string, string>>,
): string[] {
  if (workers.size === 0) return ['no worker is there; start some with hadamard worker --queue … --model … --data …'];
  const models = groupBy(runs, ({ model }) => `${model.weights} ${model.files}`);
  return [...models.values()].flatMap((ofModel) => {
    const { weights, files } = ofModel[0].model;
    const fitting = [...workers].flatMap(([name, note]) =>
      note.weights === weights && note.files === files ? [name] : [],
    );
    if (fitting.length === 0) {
      const there = [...workers].map(
        ([name, note]) =>
          `${name} has ` +
          (note.weights === weights
            ? `its weights with the config and tokenizer ${short(note.files)}, not ${short(files)}`
            : short(note.weights)),
      );
      return [`no worker has model ${short(weights)}, for which ${count(ofModel)}; ${there.join('; ')}`];
    }
    return [...groupBy(ofModel, ({ data }) => data).values()].flatMap((ofData) => {
      const [{ data, task }] = ofData;
      const reasons = refused.get(data);
      if (reasons === undefined || !fitting.every((name) => reasons.has(name))) return [];
      return [
        `no worker has data ${short(data)} (${task}), for which ${count(ofData)}; ` +
          `${fitting.map((name) => `${name}: ${reasons.get(name)}`).join('; ')}`,
      ];
    });
  });
}

const count = (runs: readonly Run[]): string => (runs.length === 1 ? 'one run waits' : `${runs.length} runs wait`);
