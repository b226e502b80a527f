import { availableParallelism } from 'node:os';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { limitExamples, loadTokenizer, readTable, toExamples, type TableFormat } from '@hadamard-adapter/tasks';
import { BENCH_MODELS, checkModels } from '../bench/bench.js';
import { runCacheBench, runEpochBench, type TokenRows } from '../bench/epoch.js';
import { findPython } from '../bench/python.js';
import {
  EMBEDDED_MODEL,
  EXAMPLE_DATA,
  integer,
  jsonOption,
  list,
  print,
  printJson,
  readBytes,
  table,
} from '@hadamard-adapter/cli/internal';

interface RowsFlags {
  readonly model?: string[];
  readonly data: string;
  readonly format?: TableFormat;
  readonly tokenizer: string;
  readonly maxLength: number;
  readonly limit?: number;
  readonly batch: number;
  readonly threads: number;
  readonly json?: boolean;
}

interface EpochFlags extends RowsFlags {
  readonly peer: boolean;
}

interface CacheFlags extends RowsFlags {
  readonly epochs: number;
  readonly cacheMb: number;
}

const withRows = (command: Command): Command =>
  command
    .option(
      '--model <name>',
      `size to measure, repeatable: ${Object.keys(BENCH_MODELS).join(', ')} (default: L2-H128)`,
      list,
    )
    .option(
      '--data <table>',
      'texts whose lengths count: CSV, TSV, JSONL or Parquet (default: the example data of the package)',
      EXAMPLE_DATA.train,
    )
    .addOption(
      new Option('--format <format>', 'format of the table (default: by extension)').choices([
        'csv',
        'tsv',
        'jsonl',
        'parquet',
      ]),
    )
    .option(
      '--tokenizer <folder>',
      'folder with the tokenizer.json (default: that of the embedded model)',
      EMBEDDED_MODEL,
    )
    .option('--max-length <n>', 'cut texts to this many tokens', integer(3), 128)
    .option('--limit <n>', 'take this many examples, chosen with a fixed seed', integer(2))
    .option('--batch <n>', 'examples per step', integer(1), 32)
    .option('--threads <n>', 'threads for each contestant', integer(1), Math.min(2, availableParallelism()))
    .addOption(jsonOption());

/** `bench epoch`: one epoch over real lengths. */
export function benchEpochCommand(): Command {
  return withRows(new Command('epoch'))
    .description(
      'measure one epoch over the lengths of a table: ours in batches of similar length, PyTorch padding each ' +
        'batch to its longest',
    )
    .option('--no-peer', 'do not measure PyTorch')
    .action(async (flags: EpochFlags) => {
      const [rows, python] = [await readRows(flags), flags.peer ? await findPython() : undefined];
      if (flags.peer && python === undefined)
        process.stderr.write('PyTorch skipped: no python3 with torch found (set PYTHON to one)\n');
      const results = [];
      for (const model of modelsOf(flags)) {
        results.push(
          ...(await runEpochBench({
            model,
            rows,
            batchSize: flags.batch,
            threads: flags.threads,
            ...(python === undefined ? {} : { python }),
            onProgress,
          })),
        );
      }
      clearProgress();
      if (flags.json === true)
        printJson({ data: basename(flags.data), batch: flags.batch, threads: flags.threads, rows: results });
      else
        print(
          table(
            ['model', 'runtime', 'examples', 'batch', 's/epoch', 'padding'],
            results.map((row) => [
              row.model,
              row.runtime,
              row.examples,
              flags.batch,
              row.seconds.toFixed(2),
              percent(row.padding),
            ]),
          ),
        );
    });
}

/** `bench cache`: epochs that keep what lies below the adapters. */
export function benchCacheCommand(): Command {
  return withRows(new Command('cache'))
    .description(
      'measure epochs with adapters in the upper half of the layers: the first, which computes and keeps what ' +
        'lies below, against later ones',
    )
    .option('--epochs <n>', 'epochs, the first among them', integer(2), 3)
    .option('--cache-mb <n>', 'memory for what is kept', integer(1), 2048)
    .action(async (flags: CacheFlags) => {
      const rows = await readRows(flags);
      const results = [];
      for (const model of modelsOf(flags)) {
        results.push(
          await runCacheBench({
            model,
            rows,
            batchSize: flags.batch,
            threads: flags.threads,
            epochs: flags.epochs,
            maxBytes: flags.cacheMb * 2 ** 20,
            onProgress,
          }),
        );
      }
      clearProgress();
      if (flags.json === true)
        printJson({ data: basename(flags.data), batch: flags.batch, threads: flags.threads, rows: results });
      else {
        print(
          table(
            ['model', 'examples', 'adapters in', 'kept', 's without', 's first', 's later', 'later/first', 'bound'],
            results.map((row) => [
              row.model,
              row.examples,
              `${row.layers[0]}-${row.layers.at(-1)}`,
              row.kept,
              row.withoutSeconds.toFixed(2),
              row.firstSeconds.toFixed(2),
              row.laterSeconds.toFixed(2),
              (row.laterSeconds / row.firstSeconds).toFixed(2),
              row.bound.toFixed(2),
            ]),
          ),
        );
      }
    });
}

function modelsOf({ model = ['L2-H128'] }: RowsFlags): readonly string[] {
  checkModels(model);
  return model;
}

/** Token ids of the examples of the table. */
async function readRows({ data, format, tokenizer: folder, maxLength, limit }: RowsFlags): Promise<TokenRows> {
  const examples = toExamples(await readTable(await readBytes(data, `The table ${data}`), data, format), {
    labelled: false,
  });
  const tokenizer = loadTokenizer(await readFile(join(folder, 'tokenizer.json')), { maxLength });
  return (limit === undefined ? examples : limitExamples(examples, limit, 0)).examples.map(({ text, pair }) => [
    ...tokenizer.encode(text, pair).ids,
  ]);
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const onProgress = (text: string): boolean => process.stderr.isTTY && process.stderr.write(`\r${text.padEnd(40)}`);

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r'.padEnd(41) + '\r');
}
