import { join, resolve } from 'node:path';
import { ConfigError, METRICS, type Metric } from '@hadamard-adapter/core';
import { hasKey, present } from '@hadamard-adapter/core/internal';
import {
  checkTrainable,
  defaultMetric,
  glueTask,
  holdOut,
  limitExamples,
  readGlue,
  readTable,
  taskMetric,
  toExamples,
  type ExampleOptions,
  type ExampleTable,
  type TableFormat,
} from '@hadamard-adapter/tasks';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { readBytes, readBytesIfAny } from './io/files.js';
import { integer, number } from './options.js';

export interface DataFlags {
  readonly task?: string;
  readonly data?: string;
  readonly train?: string;
  readonly dev?: string;
  readonly text?: string;
  readonly pair?: string;
  readonly label?: string;
  readonly labels?: string[];
  readonly format?: TableFormat;
  readonly regression?: boolean;
  readonly holdout: number;
  readonly limit?: number;
  readonly metric?: string;
  readonly maxLength?: number;
}

/** The flags that say what to learn from or to score. */
export function withData(command: Command, { training }: { readonly training: boolean }): Command {
  command
    .option('--task <id>', 'GLUE task: cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte (with --data)')
    .option('--data <folder>', 'folder of the GLUE task in the official layout')
    .option(
      '--dev <file>',
      training ? 'table to evaluate on (default: a held-out share of --train)' : 'table to evaluate on',
    );
  if (training) {
    command
      .option('--train <file>', 'table to train on: CSV, TSV, JSONL or Parquet')
      .option('--holdout <share>', 'share of --train held out when there is no --dev', number(0.001, 0.9), 0.2)
      .option('--limit <n>', 'train on this many examples, chosen with the seed', integer(2));
  }
  return command
    .option('--text-column <name>', 'column of the text')
    .option('--pair-column <name>', 'column of the second text, for tasks on pairs')
    .option('--label-column <name>', 'column of the label')
    .option('--labels <names>', 'class names in the order of their indices, separated by commas', (text) =>
      text.split(',').map((name) => name.trim()),
    )
    .addOption(
      new Option('--format <format>', 'format of the tables (default: by extension)').choices([
        'csv',
        'tsv',
        'jsonl',
        'parquet',
      ]),
    )
    .option('--regression', 'labels are numbers to predict')
    .option('--metric <name>', `score to report and select by: ${Object.keys(METRICS).join(', ')}`, metricName)
    .option('--max-length <n>', 'cut texts to this many tokens', integer(3));
}

function metricName(text: string): string {
  if (Object.hasOwn(METRICS, text)) return text;
  throw new InvalidArgumentError(`There are ${Object.keys(METRICS).join(', ')}.`);
}

/** The flags of `withData` under the names that this module uses. */
export function dataFlags(options: Readonly<Record<string, unknown>>): DataFlags {
  const { textColumn, pairColumn, labelColumn, ...rest } = options;
  const named = Object.entries({ text: textColumn, pair: pairColumn, label: labelColumn }).filter(
    ([, value]) => value !== undefined,
  );
  return { holdout: 0.2, ...rest, ...Object.fromEntries(named) } as DataFlags;
}

export interface LoadedData {
  /** Name of the GLUE task, or of the file. */
  readonly task: string;
  readonly metric: Metric;
  readonly train?: ExampleTable;
  readonly dev: readonly { readonly name: string; readonly table: ExampleTable }[];
}

/**
 * Read what the flags ask for.
 *
 * @param known labels of an adapter, when one is to be evaluated.
 * @throws ConfigError DATA_FLAGS; DataError from reading.
 */
export async function loadData(
  flags: DataFlags,
  { training, seed, known }: { training: boolean; seed: number; known?: readonly string[] },
): Promise<LoadedData> {
  const data =
    flags.task === undefined ? await loadTables(flags, training, seed, known) : await loadTask(flags, flags.task);
  const metric: Metric = flags.metric === undefined ? data.metric : metricNamed(flags.metric);
  if (!training || data.train === undefined) return { ...data, metric };
  const train = flags.limit === undefined ? data.train : limitExamples(data.train, flags.limit, seed);
  checkTrainable(train, 'The training data');
  return { ...data, metric, train };
}

const metricNamed = (name: string): Metric => present(hasKey(METRICS, name) ? METRICS[name] : undefined);

async function loadTask(flags: DataFlags, id: string): Promise<LoadedData> {
  const task = glueTask(id);
  const folder = flags.data;
  if (folder === undefined)
    throw new ConfigError(`--task ${id} needs the folder of its files`, {
      code: 'DATA_FLAGS',
      expected: '--data FOLDER',
    });
  const { train, dev } = await readGlue(task, (path) => readBytesIfAny(join(resolve(folder), path)));
  return { task: task.id, metric: taskMetric(task), train, dev };
}

async function loadTables(
  flags: DataFlags,
  training: boolean,
  seed: number,
  known: readonly string[] | undefined,
): Promise<LoadedData> {
  if (training && flags.train === undefined)
    throw new ConfigError('There is nothing to train on', {
      code: 'DATA_FLAGS',
      expected: '--train FILE, or --task ID --data FOLDER',
    });
  if (!training && flags.dev === undefined)
    throw new ConfigError('There is nothing to evaluate on', {
      code: 'DATA_FLAGS',
      expected: '--dev FILE, or --task ID --data FOLDER',
    });
  const read = async (path: string, labels: readonly string[] | undefined): Promise<ExampleTable> => {
    const table = await readTable(await readBytes(path, `The table ${path}`), path, flags.format);
    const options: ExampleOptions = {
      kind: flags.regression === true ? 'regression' : 'classification',
      ...(flags.text === undefined ? {} : { text: flags.text }),
      ...(flags.pair === undefined ? {} : { pair: flags.pair }),
      ...(flags.label === undefined ? {} : { label: flags.label }),
      ...(labels === undefined ? {} : { labels }),
    };
    return toExamples(table, options);
  };
  const whole = flags.train === undefined ? undefined : await read(flags.train, flags.labels ?? known);
  // Before anything is held out, so that the message counts the rows of the file.
  if (training && whole !== undefined) checkTrainable(whole, `The training data ${flags.train}`);
  const labels = known ?? flags.labels ?? (whole?.kind === 'classification' ? whole.labels : undefined);
  const [train, held] =
    whole === undefined || flags.dev !== undefined ? [whole, undefined] : holdOut(whole, flags.holdout, seed);
  const dev = flags.dev === undefined ? present(held) : await read(flags.dev, labels);
  const name = (flags.train ?? flags.dev ?? 'data').replace(/^.*[\\/]/, '').replace(/\.[^.]+$/, '');
  return {
    task: name,
    metric: defaultMetric(dev),
    ...(train === undefined ? {} : { train }),
    dev: [{ name: '', table: dev }],
  };
}
