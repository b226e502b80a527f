import { setTimeout } from 'node:timers/promises';
import { HadamardError, RuntimeError } from '@hadamard-adapter/core';
import { Queue, QueueEvents, type Job as QueuedJob } from 'bullmq';
import { failureOf, type RunFailure } from '../failure.js';
import type { FailedRun, PoolOutcome } from '../pool.js';
import type { RunResult } from '../result.js';
import type { Run } from '../run.js';
import type { SweepView } from '../view.js';
import type { Connection } from './connection.js';
import { decodeResult, jobOf, type Job, type JobProgress, type JobResult } from './job.js';
import { PREFIX, QUEUE, checkpointKey, resultKey } from './names.js';
import { presentWorkers, unfit } from './presence.js';

export interface QueueOptions<R extends Run> {
  readonly connection: Connection;
  readonly threads?: number;
  /** Keys of runs whose results are there already: of them nothing has to stay in the queue. */
  readonly done: Iterable<string>;
  readonly signal: AbortSignal;
  readonly view: SweepView<R>;
  /** Keep a result. What it throws ends everything; the result then stays in the queue. */
  readonly keep: (run: R, result: RunResult) => Promise<void>;
}

/** Between looks at the whole queue: events tell sooner, but what happened while nobody listened is only seen so. */
const LOOK_MS = 5000;
/** Every so many looks also whether all runs are still there: a Redis without a disk forgets. */
const LOOKS_PER_COUNT = 4;
/** Runs that are asked about at once. */
const CHUNK = 200;

/**
 * Do runs through the queue: put those there that are not, and take the results of those that are finished, also of
 * those that were finished before. Aborting only ends the waiting: workers go on, and the next sweep takes what they
 * have done.
 *
 * @throws what `keep` throws; RuntimeError QUEUE_REDIS, for instance for a Redis without memory.
 */
export async function runQueue<R extends Run>(
  runs: readonly R[],
  { connection, threads, done, signal, view, keep }: QueueOptions<R>,
): Promise<PoolOutcome<R>> {
  const { redis } = connection;
  const pending = new Map(runs.map((run) => [run.key, run]));
  const failed: FailedRun<R>[] = [];
  const runners = new Map<string, string>();
  const refused = new Map<string, Map<string, string>>();
  const queue = new Queue<Job, JobResult>(QUEUE, { connection: redis, prefix: PREFIX });
  const events = new QueueEvents(QUEUE, { connection: redis, prefix: PREFIX });
  // Told by the connection.
  queue.on('error', () => undefined);
  events.on('error', () => undefined);

  const end = new AbortController();
  let broken: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    broken ??= {
      error:
        error instanceof HadamardError
          ? error
          : new RuntimeError('Redis refuses what the sweep asks of it', {
              code: 'QUEUE_REDIS',
              found: `${connection.place}: ${error instanceof Error ? error.message : String(error)}`,
              cause: error,
            }),
    };
    end.abort();
  };
  const over = (): void => {
    if (pending.size === 0) end.abort();
  };
  const runnerOf = (key: string): string => runners.get(key) ?? 'a worker';

  const take = async (run: R, job: QueuedJob<Job, JobResult>): Promise<void> => {
    let result: RunResult;
    try {
      result = decodeResult(job.returnvalue);
    } catch (error) {
      await lose(run, job, failureOf(error));
      return;
    }
    if (!pending.has(run.key)) return;
    await keep(run, result);
    pending.delete(run.key);
    view.finished(runnerOf(run.key), run, result);
    await job.remove();
    await redis.del(checkpointKey(run.key), resultKey(run.key));
    over();
  };
  /** Out of the queue, so that the next sweep can try again; its checkpoint stays. */
  const lose = async (run: R, job: QueuedJob<Job, JobResult>, failure: RunFailure): Promise<void> => {
    if (!pending.delete(run.key)) return;
    failed.push({ run, failure });
    view.failed(runnerOf(run.key), run, failure);
    await job.remove();
    over();
  };
  const put = (run: R): Promise<unknown> => queue.add('run', jobOf(run, threads), { jobId: run.key });

  /** What became of a run. At the start one that failed before is tried again. */
  const look = async (key: string, starting = false): Promise<void> => {
    const run = pending.get(key);
    if (run === undefined) return;
    const job = await queue.getJob(key);
    const state = job === undefined ? 'unknown' : await job.getState();
    if (job === undefined || state === 'unknown') await put(run);
    else if (state === 'completed') await take(run, job);
    else if (state === 'failed' && starting) {
      await job.remove();
      await put(run);
    } else if (state === 'failed') await lose(run, job, failureFrom(job.failedReason));
  };
  const lookAtAll = async (starting = false): Promise<void> => {
    const keys = [...pending.keys()];
    for (let i = 0; i < keys.length && !end.signal.aborted; i += CHUNK)
      await Promise.all(keys.slice(i, i + CHUNK).map((key) => exclusive(key, () => look(key, starting))));
  };

  /** One thing at a time for each run: an event may come while it is looked at. */
  const busy = new Map<string, Promise<void>>();
  const exclusive = (key: string, work: () => Promise<void>): Promise<void> => {
    const next = (busy.get(key) ?? Promise.resolve()).then(work);
    const quiet = next.catch(() => undefined).then(() => void (busy.get(key) === quiet && busy.delete(key)));
    busy.set(key, quiet);
    return next;
  };
  const onEvent = (key: string): void => void (pending.has(key) && exclusive(key, () => look(key)).catch(fail));
  events.on('completed', ({ jobId }) => onEvent(jobId));
  events.on('failed', ({ jobId }) => onEvent(jobId));
  events.on('progress', ({ jobId, data }) => {
    const run = pending.get(jobId);
    if (run === undefined || typeof data !== 'object') return;
    // Sent by `serve.ts`.
    const progress = data as JobProgress;
    if (progress.type === 'running') {
      if (runners.get(jobId) !== progress.worker) view.started(progress.worker, run);
      runners.set(jobId, progress.worker);
      view.progress(progress.worker, run, progress.done);
    } else if (progress.type === 'refused') {
      const reasons = refused.get(run.data) ?? new Map<string, string>();
      refused.set(run.data, reasons.set(progress.worker, progress.reason));
    }
  });

  const said = new Set<string>();
  const tellUnfit = async (): Promise<void> => {
    const workers = await presentWorkers(redis);
    const texts = unfit(pending.values(), workers, refused);
    for (const text of texts) if (!said.has(text)) view.note(text);
    said.clear();
    for (const text of texts) said.add(text);
    for (const worker of new Set(runners.values())) if (!workers.has(worker)) view.left(worker);
  };
  const watch = async (): Promise<void> => {
    // A sweep may have been ended after it had kept a result and before it had taken it away.
    const kept = new Set(done);
    for (const key of await queue.getRanges(['completed'], 0, -1)) if (kept.has(key)) await queue.remove(key);
    await lookAtAll(true);
    over();
    for (let looks = 1; !end.signal.aborted; looks++) {
      // Soon at first: what is wrong is mostly wrong from the start.
      await pause(Math.min(LOOK_MS, 1000 * looks), end.signal);
      if (end.signal.aborted) return;
      if (looks % LOOKS_PER_COUNT === 0) await lookAtAll();
      else for (const key of await queue.getRanges(['completed', 'failed'], 0, -1)) onEvent(key);
      await tellUnfit();
    }
  };

  const stop = (): void => end.abort();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  watch().catch(fail);
  try {
    await aborted(end.signal);
    if (broken !== undefined) throw broken.error;
    return { failed, interrupted: pending.size > 0 };
  } finally {
    signal.removeEventListener('abort', stop);
    pending.clear();
    // Without Redis they would wait for it; the connection is closed after them in any case.
    const closed = Promise.allSettled([events.close(), queue.close()]);
    const patience = new AbortController();
    await Promise.race([closed.then(() => patience.abort()), pause(2000, patience.signal)]);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );

/** Ends early when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

/** What a worker wrote into the queue, or BullMQ itself. */
function failureFrom(reason: string): RunFailure {
  const [, code, message] = /^\[(\w+)\] ([\s\S]*)$/.exec(reason) ?? [];
  if (code !== undefined && message !== undefined) return { code, message };
  return { code: /stalled/.test(reason) ? 'RUN_DIED' : 'INTERNAL', message: reason };
}
