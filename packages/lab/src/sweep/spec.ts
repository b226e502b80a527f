import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { ConfigError, DataError } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { glueTask } from '@hadamard-adapter/tasks';
import type * as v from 'valibot';
import { type DataFlags, readBytes } from '@hadamard-adapter/cli/internal';
import { METHODS } from '../methods.js';
import { belongs, expandGrid, gridSize, methodsWith, type Variant } from './grid.js';
import type { SweepDevice, TaskSource } from './run.js';
import { sweepSchema } from './spec-schema.js';
import { readYaml, type CheckedYaml } from './yaml.js';

export interface MethodSpec {
  readonly label: string;
  readonly variants: readonly Variant[];
}

/** A sweep file that was read, with every place resolved. */
export interface Sweep {
  readonly file: string;
  readonly model: string;
  readonly tasks: readonly TaskSource[];
  readonly methods: readonly MethodSpec[];
  readonly seeds: readonly number[];
  readonly maxLength?: number;
  readonly arithmetic: 'float32' | 'int8';
  readonly device: SweepDevice;
  readonly workers: number;
  readonly threads?: number;
  readonly checkpointEvery: number;
  /** Folder of the results and of what runs. */
  readonly output: string;
}

type Written = v.InferOutput<typeof sweepSchema>;
type Yaml = CheckedYaml<Written>;

const MAX_RUNS = 100_000;

/** Places that take those of the file; relative to where the command is run. */
export interface Places {
  readonly model?: string;
  readonly data?: string;
  readonly output?: string;
}

/**
 * Read a sweep file.
 *
 * @throws DataError FILE_MISSING, FILE_KIND, FOLDER_MISSING when the data folder is not there; ConfigError SWEEP_FILE
 *   with path and line of what is wrong, METHOD_UNKNOWN, PLAN; DataError TASK_UNKNOWN.
 */
export async function readSweep(path: string, places: Places = {}): Promise<Sweep> {
  const bytes = await readBytes(path, 'The sweep file');
  const yaml = readYaml(new TextDecoder().decode(bytes), sweepSchema, basename(path));
  const folder = dirname(resolve(path));
  const { value } = yaml;
  const seeds = typeof value.seeds === 'number' ? Array.from({ length: value.seeds }, (_, seed) => seed) : value.seeds;
  const methods = Object.keys(value.methods).map((label) => methodOf(yaml, label));
  const data = places.data === undefined ? value.data && resolve(folder, value.data) : resolve(places.data);
  if (data !== undefined && (await stat(data).catch(() => undefined))?.isDirectory() !== true)
    throw new DataError('The data folder does not exist', {
      code: 'FOLDER_MISSING',
      found: `no folder at ${data}`,
      expected: places.data === undefined ? 'what `data` names' : 'what --data names',
    });
  const tasks = value.tasks.map((_, index) => taskOf(yaml, index, folder, data));
  checkNames(yaml, tasks);
  const runs = tasks.length * seeds.length * methods.reduce((sum, { variants }) => sum + variants.length, 0);
  if (runs > MAX_RUNS)
    throw yaml.mistake([], 'The sweep is too large', { found: `${runs} runs`, expected: `at most ${MAX_RUNS}` });
  return {
    file: path,
    model: places.model ?? (await modelPlace(folder, value.model)),
    tasks,
    methods,
    seeds,
    ...(value.maxLength === undefined ? {} : { maxLength: value.maxLength }),
    arithmetic: value.arithmetic ?? 'float32',
    device: value.device ?? 'cpu',
    workers: value.workers ?? 1,
    ...(value.threads === undefined ? {} : { threads: value.threads }),
    checkpointEvery: value.checkpointEvery ?? 200,
    output:
      places.output === undefined
        ? resolve(folder, value.output ?? `${basename(path).replace(/\.ya?ml$/, '')}-results`)
        : resolve(places.output),
  };
}

/** A folder or file beside the sweep file, or else what the hub may know. */
async function modelPlace(folder: string, model: string): Promise<string> {
  const path = resolve(folder, model);
  const found = await stat(path).catch(() => undefined);
  return found === undefined && /^[\w.-]+\/[\w.-]+$/.test(model) ? model : path;
}

function taskOf(yaml: Yaml, index: number, folder: string, data: string | undefined): TaskSource {
  const written = elementAt(yaml.value.tasks, index);
  const common = { holdout: 0.2, ...(yaml.value.limit === undefined ? {} : { limit: yaml.value.limit }) };
  if (typeof written === 'string') {
    const { id } = glueTask(written);
    if (data === undefined)
      throw yaml.mistake(['tasks', index], 'A GLUE task needs the folder of its files', {
        found: `${written} but no \`data\``,
        expected: 'data: FOLDER',
      });
    return { name: id, flags: { ...common, task: id, data }, portable: { ...common, task: id } };
  }
  const { name, train, dev, ...rest } = written;
  const flags = { ...common, ...rest };
  const places = (of: (file: string) => string): Pick<DataFlags, 'train' | 'dev'> => ({
    train: of(train),
    ...(dev === undefined ? {} : { dev: of(dev) }),
  });
  return {
    name,
    flags: { ...flags, ...places((file) => resolve(folder, file)) },
    portable: { ...flags, ...places(portableName) },
  };
}

/**
 * A name that says nothing of this machine: as it was written where that leads down from the sweep file, else of the
 * file alone.
 */
function portableName(file: string): string {
  const path = normalize(file).replaceAll('\\', '/');
  return isAbsolute(file) || path.startsWith('../') ? basename(file) : path;
}

function checkNames(yaml: Yaml, tasks: readonly TaskSource[]): void {
  tasks.forEach(({ name }, index) => {
    if (tasks.findIndex((task) => task.name === name) !== index)
      throw yaml.mistake(['tasks', index], 'Two tasks have the same name', { found: name });
  });
}

function methodOf(yaml: Yaml, label: string): MethodSpec {
  const given = yaml.value.methods[label] ?? {};
  const name = given.method ?? label;
  const method = METHODS.find((each) => each === name);
  if (method === undefined) {
    const path = ['methods', label, ...(given.method === undefined ? [] : ['method'])];
    throw yaml.mistake(path, 'There is no such method', {
      code: 'METHOD_UNKNOWN',
      found: name,
      expected: METHODS.join(', '),
      ...(given.method === undefined ? { hint: 'A name of your own needs `method:`.' } : {}),
    });
  }
  const foreign = Object.keys(given).find((setting) => setting !== 'method' && !belongs(setting, method));
  if (foreign !== undefined)
    throw yaml.mistake(['methods', label, foreign], 'The method has no such setting', {
      found: `${foreign} of ${method}`,
      expected: `${foreign} of ${methodsWith(foreign).join(', ')}`,
    });
  const size = gridSize(given);
  if (size > MAX_RUNS)
    throw yaml.mistake(['methods', label], 'The grid is too large', {
      found: `${size} settings`,
      expected: `at most ${MAX_RUNS}`,
    });
  return { label, variants: expandGrid(method, given) };
}

/** The file of a sweep's results. */
export const resultsFile = ({ output }: Pick<Sweep, 'output'>): string => join(output, 'results.sqlite');

/** The folder of the checkpoints of what runs. */
export const runningFolder = ({ output }: Pick<Sweep, 'output'>): string => join(output, 'running');

/**
 * The label that others are compared with.
 *
 * @throws ConfigError SWEEP_AGAINST.
 */
export function referenceOf({ methods }: Pick<Sweep, 'methods'>, asked: string | undefined): string {
  const labels = methods.map(({ label }) => label);
  if (asked === undefined) return elementAt(labels, 0);
  if (labels.includes(asked)) return asked;
  throw new ConfigError('The sweep has no such method to compare with', {
    code: 'SWEEP_AGAINST',
    found: asked,
    expected: labels.join(', '),
  });
}
