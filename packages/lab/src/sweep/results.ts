import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  DataError,
  HadamardError,
  RuntimeError,
  shorten,
  type EpochRecord,
  type Files,
  type StageResult,
} from '@hadamard-adapter/core';
// SQLite as WebAssembly: real files on every platform without a compiler at install, and one thread writes here.
import sqlite from 'node-sqlite3-wasm';
import * as v from 'valibot';
import type { MethodSettings } from '../methods.js';
import { claim, unlockOrphan } from './claim.js';
import type { RunResult } from './result.js';
import { PATIENCE, SCHEMA, reason, versionOf } from './results-schema.js';
import type { Run } from './run.js';

/** One finished run. Weights and adapter files only where they were asked for. */
export interface RunRow extends Omit<RunResult, 'weights'> {
  readonly key: string;
  readonly task: string;
  /** The label of the method in the sweep that ran it. */
  readonly method: string;
  readonly settings: MethodSettings;
  readonly seed: number;
  /** What people call the base model. */
  readonly modelName: string;
  /** `weightsDigest` of the base model. */
  readonly model: string;
  /** Hash of its config and tokenizer. */
  readonly modelFiles: string;
  /** Training examples at most. */
  readonly limit?: number;
  /** Tokens at most. */
  readonly maxLength?: number;
  readonly arithmetic: Run['arithmetic'];
  /** Hash of the examples. */
  readonly data: string;
  readonly weights?: Uint8Array;
  /** ISO 8601. */
  readonly finishedAt: string;
}

/** A file of results, open for one writer. */
export interface Results {
  has(key: string): boolean;
  keys(): Iterable<string>;
  /** @throws RuntimeError RESULTS_WRITE; what was there before stays. */
  save(run: Run, result: RunResult): void;
  close(): void;
}

/**
 * Open a file of results for writing; makes it, and its folder, when it is not there. Each run is one transaction.
 *
 * @throws RuntimeError RESULTS_BUSY when another process writes it, RESULTS_WRITE; DataError RESULTS_FILE when it is
 *   another kind of file, or of a later version.
 */
export function openResults(path: string): Results {
  const writing = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw error instanceof HadamardError ? error : writeFailed(path, error);
    }
  };
  const held = writing(() => {
    mkdirSync(dirname(path), { recursive: true });
    return claim(path);
  });
  let database: sqlite.Database | undefined;
  try {
    const opened = writing(() => new sqlite.Database(path));
    database = opened;
    const keys = writing(() => {
      opened.exec(PATIENCE);
      if (versionOf(opened, path) === 0) inTransaction(opened, () => opened.exec(SCHEMA));
      return new Set(opened.all('SELECT key FROM runs').map(({ key }) => textOf(key)));
    });
    return {
      has: (key) => keys.has(key),
      keys: () => keys,
      save(run, result) {
        writing(() => inTransaction(opened, () => insert(opened, run, result)));
        keys.add(run.key);
      },
      close() {
        opened.close();
        held.release();
      },
    };
  } catch (error) {
    database?.close();
    held.release();
    throw error;
  }
}

function insert(database: sqlite.Database, run: Run, result: RunResult): void {
  const json = JSON.stringify;
  const row = {
    key: run.key,
    task: run.task,
    method: run.method,
    settings: json(run.settings),
    seed: run.seed,
    example_limit: run.limit ?? null,
    max_length: run.maxLength ?? null,
    arithmetic: run.arithmetic,
    model_name: run.modelName,
    model: run.model.weights,
    model_files: run.model.files,
    data: run.data,
    metric: result.metric,
    score: result.score,
    scores: json(result.scores),
    stages: json(result.stages),
    history: json(result.history),
    trainable: result.trainable,
    total: result.total,
    seconds: result.seconds,
    weights: result.weights,
    finished_at: new Date().toISOString(),
  };
  const names = Object.keys(row);
  // The same run from two places is the same result: the first stands.
  const { changes } = database.run(
    `INSERT INTO runs (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')}) ON CONFLICT (key) DO NOTHING`,
    Object.values(row),
  );
  if (changes === 0) return;
  for (const [name, bytes] of Object.entries(result.files ?? {}))
    database.run('INSERT INTO files (key, name, bytes) VALUES (?, ?, ?)', [run.key, name, bytes]);
}

function inTransaction(database: sqlite.Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    // After an error of the disk SQLite has rolled back already.
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** SQLite only says that writing failed; the room on the disk says why. */
function writeFailed(path: string, cause: unknown): RuntimeError {
  let room = '';
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    room = `; ${Math.floor((bavail * bsize) / 1024)} KiB free on its disk`;
  } catch {
    // Not even the folder is there.
  }
  return new RuntimeError('The results cannot be written', {
    code: 'RESULTS_WRITE',
    found: `${path}: ${shorten(reason(cause))}${room}`,
    hint: 'Everything finished before is kept; the same command goes on from there.',
    cause,
  });
}

/**
 * All finished runs in a file of results, in the order in which they came.
 *
 * @param options.tensors whether to read weights and the files of adapters too; default true.
 * @throws DataError RESULTS_MISSING, RESULTS_FILE; RuntimeError RESULTS_READ when it is locked for long, or the disk
 *   fails.
 */
export function readRuns(path: string, { tensors = true }: { readonly tensors?: boolean } = {}): RunRow[] {
  if (!existsSync(path))
    throw new DataError('There are no results yet', { code: 'RESULTS_MISSING', found: `no file ${path}` });
  let database: sqlite.Database | undefined;
  try {
    // A half-written transaction of a writer that is no more is undone by whoever may write.
    database = new sqlite.Database(path, unlockOrphan(path) ? { fileMustExist: true } : { readOnly: true });
    database.exec(PATIENCE);
    // A sweep that was ended before its first result.
    if (versionOf(database, path) === 0) return [];
    const folders = new Map<string, Record<string, Uint8Array>>();
    for (const { key, name, bytes } of tensors ? database.all('SELECT key, name, bytes FROM files') : []) {
      const folder = folders.get(textOf(key)) ?? {};
      folder[textOf(name)] = v.parse(bytesSchema, bytes);
      folders.set(textOf(key), folder);
    }
    const columns = `${COLUMNS.join(', ')}${tensors ? ', weights' : ''}`;
    return database.all(`SELECT ${columns} FROM runs ORDER BY rowid`).map((row) => rowOf(row, folders));
  } catch (error) {
    if (error instanceof HadamardError) throw error;
    throw new RuntimeError('The results cannot be read', {
      code: 'RESULTS_READ',
      found: `${path}: ${shorten(reason(error))}`,
      hint: `If no sweep is running, remove ${path}.lock.`,
      cause: error,
    });
  } finally {
    database?.close();
  }
}

const COLUMNS = [
  'key',
  'task',
  'method',
  'settings',
  'seed',
  'example_limit',
  'max_length',
  'arithmetic',
  'model_name',
  'model',
  'model_files',
  'data',
  'metric',
  'score',
  'scores',
  'stages',
  'history',
  'trainable',
  'total',
  'seconds',
  'finished_at',
] as const;

// SQLite keeps the columns to their types: the tables are STRICT.
const numberSchema = v.number();
const bytesSchema = v.instance(Uint8Array);
const arithmeticSchema = v.picklist(['float32', 'int8']);

const textOf = (value: unknown): string => v.parse(v.string(), value);

function rowOf(row: Readonly<Record<string, unknown>>, folders: ReadonlyMap<string, Files>): RunRow {
  const text = (name: (typeof COLUMNS)[number]): string => textOf(row[name]);
  const number = (name: (typeof COLUMNS)[number]): number => v.parse(numberSchema, row[name]);
  const files = folders.get(text('key'));
  return {
    key: text('key'),
    task: text('task'),
    method: text('method'),
    // All JSON of a row was written by `insert`.
    settings: JSON.parse(text('settings')) as MethodSettings,
    seed: number('seed'),
    modelName: text('model_name'),
    model: text('model'),
    modelFiles: text('model_files'),
    arithmetic: v.parse(arithmeticSchema, row['arithmetic']),
    data: text('data'),
    metric: text('metric'),
    score: number('score'),
    scores: JSON.parse(text('scores')) as Record<string, number>,
    stages: JSON.parse(text('stages')) as StageResult[],
    history: JSON.parse(text('history')) as EpochRecord[],
    trainable: number('trainable'),
    total: number('total'),
    seconds: number('seconds'),
    finishedAt: text('finished_at'),
    ...(row['example_limit'] === null ? {} : { limit: number('example_limit') }),
    ...(row['max_length'] === null ? {} : { maxLength: number('max_length') }),
    ...(row['weights'] === undefined ? {} : { weights: v.parse(bytesSchema, row['weights']) }),
    ...(files === undefined ? {} : { files }),
  };
}
