import { FormatError, validate, type Files } from '@hadamard-adapter/core';
import * as v from 'valibot';
import type { DataFlags } from '@hadamard-adapter/cli/internal';
import { METHODS, type MethodSettings } from '../../methods.js';
import type { RunResult } from '../result.js';
import { SWEEP_DEVICES, runKey, type Run } from '../run.js';

/** A run as it lies in the queue. No paths: model and data by hash, and by names under which workers look for them. */
export interface Job {
  readonly version: 1;
  readonly run: Omit<Run, 'key' | 'source'> & { readonly source: DataFlags };
  /** Threads that the sweep asks for. */
  readonly threads?: number;
}

/** A result as it comes back: bytes as base64. */
export interface JobResult extends Omit<RunResult, 'weights' | 'files'> {
  readonly weights: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** What a worker says of a run that it has taken. */
export type JobProgress =
  | { readonly type: 'running'; readonly worker: string; readonly done: number }
  /** It has another model or other data. */
  | { readonly type: 'refused'; readonly worker: string; readonly reason: string };

/** What a worker says of itself. */
export interface WorkerNote {
  readonly weights: string;
  readonly files: string;
}

const sha = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'));
const optionalText = v.exactOptional(v.string());
/** A worker opens files by it. */
const fileName = v.pipe(
  v.string(),
  v.check((name) => !/^[\\/]|^\w:|(^|[\\/])\.\.([\\/]|$)/.test(name), 'a name below the data folder'),
);

const jobSchema = v.looseObject({
  version: v.literal(1, 'version 1; take the same version of hadamard for sweeps and workers'),
  threads: v.exactOptional(v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'))),
  run: v.looseObject({
    model: v.strictObject({ weights: sha, files: sha }),
    data: sha,
    task: v.string(),
    metric: v.string(),
    method: v.string(),
    modelName: v.string(),
    settings: v.looseObject({ method: v.picklist(METHODS) }),
    seed: v.number(),
    limit: v.exactOptional(v.number()),
    maxLength: v.exactOptional(v.number()),
    arithmetic: v.picklist(['float32', 'int8']),
    device: v.exactOptional(v.picklist(SWEEP_DEVICES.filter((name) => name !== 'cpu'))),
    source: v.looseObject({
      holdout: v.number(),
      task: optionalText,
      train: v.exactOptional(fileName),
      dev: v.exactOptional(fileName),
    }),
  }),
});

/** What a run has besides is of no interest to workers. */
export function jobOf(
  { model, data, task, metric, method, modelName, settings, seed, limit, maxLength, arithmetic, device, source }: Run,
  threads: number | undefined,
): Job {
  return {
    version: 1,
    run: {
      model,
      data,
      task,
      metric,
      method,
      modelName,
      settings,
      seed,
      ...(limit === undefined ? {} : { limit }),
      ...(maxLength === undefined ? {} : { maxLength }),
      arithmetic,
      ...(device === undefined ? {} : { device }),
      source: source.portable,
    },
    ...(threads === undefined ? {} : { threads }),
  };
}

/**
 * The run of a job, with the places of its files yet to be found.
 *
 * @param id of the job.
 * @throws FormatError QUEUE_JOB for what is no run, or not the one of its id: then sweep and worker are of different
 *   versions.
 */
export function readJob(data: unknown, id: string | undefined): { readonly run: Run; readonly threads?: number } {
  const what = 'The run in the queue';
  const { run: read, threads } = validate(jobSchema, data, { what, code: 'QUEUE_JOB', error: FormatError });
  // The settings are checked with the key.
  const { source, ...rest } = read as typeof read & { readonly settings: MethodSettings; readonly source: DataFlags };
  const key = runKey(rest);
  if (key !== id)
    throw new FormatError(`${what} is not the one of its key`, {
      code: 'QUEUE_JOB',
      found: key,
      expected: String(id),
      hint: 'Take the same version of hadamard for sweeps and workers.',
    });
  return {
    run: { ...rest, key, source: { name: rest.task, flags: source, portable: source } },
    ...(threads === undefined ? {} : { threads }),
  };
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

export function encodeResult({ weights, files, ...rest }: RunResult): JobResult {
  return {
    ...rest,
    weights: base64(weights),
    ...(files === undefined
      ? {}
      : { files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, base64(bytes)])) }),
  };
}

const scores = v.record(v.string(), v.number());
const text64 = v.pipe(v.string(), v.base64('base64'));
const resultSchema = v.looseObject({
  metric: v.string(),
  score: v.number(),
  scores,
  stages: v.array(v.looseObject({ name: v.string() })),
  history: v.array(v.looseObject({ stage: v.string() })),
  trainable: v.number(),
  total: v.number(),
  seconds: v.number(),
  weights: text64,
  files: v.exactOptional(v.record(v.string(), text64)),
});

/** @throws FormatError QUEUE_RESULT. */
export function decodeResult(data: unknown): RunResult {
  const result: unknown = validate(resultSchema, data, {
    what: 'The result from the queue',
    code: 'QUEUE_RESULT',
    error: FormatError,
  });
  // Of what a worker of ours wrote, the schema looks at as much as the sweep itself relies on.
  const { weights, files, ...rest } = result as JobResult;
  const folder: Files | undefined =
    files === undefined
      ? undefined
      : Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytesOf(content)]));
  return { ...rest, weights: bytesOf(weights), ...(folder === undefined ? {} : { files: folder }) };
}
