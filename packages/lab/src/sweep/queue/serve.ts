import { availableParallelism } from 'node:os';
import { HadamardError } from '@hadamard-adapter/core';
import { DelayedError, WaitingError, Worker, type Job as QueuedJob } from 'bullmq';
import type { DataFlags } from '@hadamard-adapter/cli/internal';
import { short } from '../canonical.js';
import type { Environment } from '../environment.js';
import { executeRun } from '../execute.js';
import { failureOf } from '../failure.js';
import { describeRun } from '../run.js';
import { timeText } from '../view.js';
import { redisCheckpoints } from './checkpoints.js';
import type { Connection } from './connection.js';
import { encodeResult, readJob, type Job, type JobProgress, type JobResult } from './job.js';
import {
  KEPT_SECONDS,
  LOCK_MS,
  MAX_DEATHS,
  PREFIX,
  QUEUE,
  STALLED_CHECK_MS,
  checkpointKey,
  ownName,
  resultKey,
} from './names.js';
import { announce } from './presence.js';

export interface ServeOptions {
  readonly connection: Connection;
  readonly environment: Environment;
  /** Where the files of a task lie on this machine. */
  readonly locate: (source: DataFlags) => Promise<DataFlags>;
  /** Of each run; what the sweep asks for when absent, or an equal part of the cores. */
  readonly threads?: number;
  /** Runs at once. */
  readonly concurrency: number;
  readonly checkpointEvery: number;
  /** Aborting puts what runs back, with a checkpoint, and ends the worker. */
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** What a worker has done. */
export interface Served {
  readonly finished: number;
  readonly failed: number;
  readonly refused: number;
}

/**
 * A run that was refused goes to the end of the queue after this time: others come first, and other workers find it
 * soon.
 */
const REFUSED_MS = 50;
/** A worker that only sees what it has refused before waits up to this long in between, while others look. */
const MAX_PAUSE_MS = 2000;
/** Between signs of how far a run is. */
const PROGRESS_MS = 1000;

/** Take runs from the queue, one after the other, until the signal is aborted. */
export async function serveQueue(options: ServeOptions): Promise<Served> {
  const { connection, environment, concurrency, signal, note } = options;
  const { redis } = connection;
  const name = ownName();
  const served = { finished: 0, failed: 0, refused: 0 };
  const presence = announce(redis, name, await environment.identity(false));
  const refusals = refusalMemory();

  const work = async (job: QueuedJob<Job, JobResult>, token = ''): Promise<JobResult> => {
    const { run: asked, threads } = checked(job);
    // It was done before, by a worker that could not deliver it, and written as below.
    const kept = await redis.get(resultKey(asked.key));
    if (kept !== null) return JSON.parse(kept) as JobResult;
    let run = asked;
    try {
      run = { ...asked, source: { ...asked.source, flags: await options.locate(asked.source.flags) } };
      await environment.prepare(run);
    } catch (error) {
      if (!(error instanceof HadamardError)) throw error;
      const reason = error.message;
      served.refused++;
      const pause = refusals.add(run.key, reason, () => note(`refused ${describeRun(run)}: ${reason}`));
      await job.updateProgress({ type: 'refused', worker: name, reason } satisfies JobProgress);
      await job.moveToDelayed(Date.now() + REFUSED_MS, token);
      await new Promise((resolve) => setTimeout(resolve, pause));
      throw new DelayedError();
    }
    refusals.forget();
    const checkpoints = redisCheckpoints(redis, note);
    const result = await executeRun(run, environment, {
      threads: options.threads ?? threads ?? Math.max(1, Math.floor(availableParallelism() / concurrency)),
      checkpoints,
      checkpointEvery: options.checkpointEvery,
      signal,
      onStart: (resumed) => note(`${resumed ? 'resumed' : 'started'} ${describeRun(run)}`),
      onProgress: every(
        PROGRESS_MS,
        (done) =>
          void job.updateProgress({ type: 'running', worker: name, done } satisfies JobProgress).catch(() => undefined),
      ),
    }).catch((error: unknown) => {
      throw told(error);
    });
    await checkpoints.settled();
    if (result === undefined) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    const encoded = encodeResult(result);
    await redis.set(resultKey(run.key), JSON.stringify(encoded), 'EX', KEPT_SECONDS);
    note(`finished ${describeRun(run)}: ${result.metric} ${result.score.toFixed(4)} (${timeText(result.seconds)})`);
    return encoded;
  };

  const worker = new Worker<Job, JobResult>(QUEUE, work, {
    connection: redis,
    prefix: PREFIX,
    name,
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: MAX_DEATHS,
    // When Redis is back, results are wanted soon.
    runRetryDelay: 1000,
  });
  worker.on('completed', (job) => {
    served.finished++;
    void redis.del(checkpointKey(job.id ?? ''), resultKey(job.id ?? '')).catch(() => undefined);
  });
  worker.on('failed', (job, error) => {
    served.failed++;
    note(`failed ${nameOf(job)}: ${error.message.split('\n')[0]}`);
  });
  // Redis that is away is told of by the connection, and a run that another worker has taken meanwhile is delivered by
  // that one.
  worker.on('error', (error) => {
    if (process.env['HADAMARD_DEBUG'] !== undefined) note(String(error.stack));
  });

  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  await worker.close();
  await presence.stop();
  return served;
}

function checked(job: QueuedJob<Job, JobResult>): ReturnType<typeof readJob> {
  try {
    return readJob(job.data, job.id);
  } catch (error) {
    throw told(error);
  }
}

/** A job may be anything: what it says of itself is only believed when it is a run. */
function nameOf(job: QueuedJob<Job, JobResult> | undefined): string {
  try {
    return describeRun(readJob(job?.data, job?.id).run);
  } catch {
    return `job ${short(job?.id ?? 'unknown')}`;
  }
}

/** An error as it is told to the sweep, with its code. */
function told(error: unknown): Error {
  const { code, message } = failureOf(error);
  return new Error(`[${code}] ${message}`);
}

/** Says each reason once, and how long to pause before the next run: not at all while there are others to look at. */
function refusalMemory(): { add(run: string, reason: string, say: () => void): number; forget(): void } {
  const said = new Set<string>();
  const seen = new Set<string>();
  let again = 0;
  return {
    add(run, reason, say) {
      if (!said.has(reason)) say();
      said.add(reason);
      again = seen.has(run) ? again + 1 : 0;
      seen.add(run);
      return again === 0 ? 0 : Math.min(MAX_PAUSE_MS, 100 * 2 ** again);
    },
    forget() {
      seen.clear();
      again = 0;
    },
  };
}

/** At once, and then no more often than every so many milliseconds. */
function every(ms: number, call: (done: number) => void): (done: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (done) => {
    if (Date.now() - last < ms) return;
    last = Date.now();
    call(done);
  };
}
