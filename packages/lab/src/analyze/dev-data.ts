import { ConfigError, isTokenLoss, type Metric, type Split } from '@hadamard-adapter/core';
import type { AdapterConfig } from '@hadamard-adapter/core/folder';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { GLUE, limitExamples, tokenize, type ExampleTable, type Tokenizer } from '@hadamard-adapter/tasks';
import { dataFlags, type DataFlags, loadData } from '@hadamard-adapter/cli/internal';
import type { Run } from './runs.js';
import type { ScoredData } from './scorer.js';

/** Where labelled rows come from. */
export interface DevFlags extends Omit<DataFlags, 'task' | 'dev' | 'train'> {
  /** Tables: `FILE` for all tasks, `TASK=FILE` for one. */
  readonly dev?: readonly string[];
  readonly train?: readonly string[];
  /** Score on this many rows of each task. */
  readonly limitDev?: number;
}

/** The flags of a command, where tables may be given for each task. */
export function devFlags(options: Readonly<Record<string, unknown>>): DevFlags {
  const { dev, train, task: _, ...rest } = options;
  const { dev: _dev, train: _train, task: _task, ...flags } = dataFlags(rest);
  const files = (value: unknown): readonly string[] => [value].flat().map(String);
  return {
    ...flags,
    ...(dev === undefined ? {} : { dev: files(dev) }),
    ...(train === undefined ? {} : { train: files(train) }),
  };
}

/** Whether there are rows at all to score on. */
export const hasDevData = ({ data, dev = [] }: DevFlags): boolean => data !== undefined || dev.length > 0;

/** Why such an adapter cannot be scored here; undefined when it can. */
export function unscorable({ loss, head }: AdapterConfig): string | undefined {
  if (isTokenLoss(loss)) return 'its answers are of tokens, and tables have one label for each text';
  return head === 'cosine' ? 'it compares pairs of texts' : undefined;
}

/** The labelled rows of a task. */
export interface TaskTables {
  readonly metric: Metric;
  readonly dev: ExampleTable;
  readonly train?: ExampleTable;
}

/**
 * Read the labelled rows of a run's task.
 *
 * @throws ConfigError ANALYZE_DATA when the flags name none; what `loadData` throws.
 */
export async function readTask(
  { task, adapter: { config } }: Pick<Run, 'task' | 'adapter'>,
  flags: DevFlags,
): Promise<TaskTables> {
  const { dev = [], train: trains = [], data, limitDev, ...rest } = flags;
  const [file, trainFile] = [tableOf(dev, task), tableOf(trains, task)];
  if (file === undefined && (data === undefined || !isGlue(task))) {
    throw new ConfigError(`There is nothing to score ${task} on`, {
      code: 'ANALYZE_DATA',
      found: data === undefined ? 'tables of other tasks' : `${task}, which is no GLUE task`,
      expected: `--dev ${task}=FILE`,
    });
  }
  const regression = config.loss === 'mse';
  const known = Object.keys(config.id2label).map((_, i) => present(config.id2label[String(i)]));
  const source =
    file === undefined
      ? { task, data: present(data) }
      : { dev: file, ...(trainFile === undefined ? {} : { train: trainFile }) };
  const {
    dev: tables,
    metric,
    train,
  } = await loadData(
    { ...rest, ...source, ...(regression ? { regression } : {}) },
    { training: false, seed: 0, ...(regression ? {} : { known }) },
  );
  // MNLI has a second, mismatched set: the first is the one that settings are chosen by.
  const { table } = elementAt(tables, 0);
  return {
    dev: limitDev === undefined ? table : limitExamples(table, limitDev),
    metric,
    ...(train === undefined ? {} : { train }),
  };
}

/** The table of a task; one without a name is for every task that has none of its own. */
function tableOf(files: readonly string[], task: string): string | undefined {
  const own = files.find((each) => each.startsWith(`${task}=`));
  return own === undefined ? files.find((each) => !/^[\w .-]+=/.test(each)) : own.slice(task.length + 1);
}

const isGlue = (task: string): boolean => Object.hasOwn(GLUE, task.toLowerCase().replaceAll(/[-_]/g, ''));

/** Data of the tasks, each read and tokenized once, as long as its adapters cut texts to the same length. */
export interface TaskData {
  tables(run: Run): Promise<TaskTables>;
  dev(run: Run, tokenizer: TokenizerFor): Promise<ScoredData>;
  /** At most `limit` rows to train on, chosen with a seed; undefined when there are none. */
  train(run: Run, tokenizer: TokenizerFor, limit: number): Promise<Split | undefined>;
}

export type TokenizerFor = (maxLength: number | undefined) => Tokenizer;

export function taskData(flags: DevFlags): TaskData {
  const tables = new Map<string, Promise<TaskTables>>();
  const scored = new Map<string, Promise<ScoredData>>();
  const keyOf = ({ task, adapter: { config } }: Run): string => JSON.stringify([task, config.loss, config.id2label]);
  const lengthOf = ({ adapter: { config } }: Run): number | undefined => flags.maxLength ?? config.max_length;
  const read = (run: Run): Promise<TaskTables> => once(tables, keyOf(run), () => readTask(run, flags));
  return {
    tables: read,
    dev: (run, tokenizer) =>
      once(scored, JSON.stringify([keyOf(run), lengthOf(run)]), async () => {
        const { dev, metric } = await read(run);
        return { split: await tokenize(dev, tokenizer(lengthOf(run)), { id: `dev ${run.task}` }), metric };
      }),
    async train(run, tokenizer, limit) {
      const { train } = await read(run);
      return train === undefined
        ? undefined
        : tokenize(limitExamples(train, limit), tokenizer(lengthOf(run)), { id: `train ${run.task}` });
    },
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}
