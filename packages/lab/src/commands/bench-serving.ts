import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { runServingBench, type Ratios, type ServingRow } from '../bench/serving.js';
import { integer, jsonOption, list, print, printJson, table } from '@hadamard-adapter/cli/internal';
import { BENCH_MODELS, checkModels } from '../bench/bench.js';

interface ServingFlags {
  readonly model?: string[];
  readonly batch: number;
  readonly sequence: number;
  readonly adapters: number;
  readonly threads: number;
  readonly rounds: number;
  readonly json?: boolean;
}

/** `bench serving`: one base, many adapters. */
export function benchServingCommand(): Command {
  return new Command('serving')
    .description(
      'measure inference with one adapter, with a different one in every row, folded, and without any, taking turns',
    )
    .option(
      '--model <name>',
      `size to measure, repeatable: ${Object.keys(BENCH_MODELS).join(', ')} (default: L6-H384)`,
      list,
    )
    .option('--batch <n>', 'rows per batch', integer(1), 32)
    .option('--sequence <n>', 'tokens per row', integer(1), 128)
    .option('--adapters <n>', 'different adapters in the mixed batch', integer(2), 32)
    .option('--threads <n>', 'threads of the runtime', integer(1), Math.min(2, availableParallelism()))
    .option('--rounds <n>', 'rounds, taking turns; the median counts', integer(1), 11)
    .addOption(jsonOption())
    .action(async ({ model = ['L6-H384'], json, ...flags }: ServingFlags) => {
      checkModels(model);
      const rows: ServingRow[] = [];
      const onProgress = (text: string): boolean =>
        process.stderr.isTTY && process.stderr.write(`\r${text.padEnd(40)}`);
      for (const name of model) rows.push(await runServingBench({ model: name, ...flags, onProgress }));
      if (process.stderr.isTTY) process.stderr.write('\r'.padEnd(41) + '\r');
      if (json === true) printJson({ rows });
      else print(table(HEADER, rows.map(cells)));
    });
}

/** Ratios by the clock, and behind them by processor time. */
const HEADER = [
  'model',
  'batch',
  'tokens',
  'ms base',
  'ms one',
  'one/base',
  'adapters',
  'ms mixed',
  'mixed/base',
  'folded/plain',
  'ms switch',
];

const cells = (row: ServingRow): (string | number)[] => [
  row.model,
  row.batch,
  row.sequence,
  row.baseMs.toFixed(1),
  row.oneMs.toFixed(1),
  ratio(row, 'oneToBase'),
  row.adapters,
  row.mixedMs.toFixed(1),
  ratio(row, 'mixedToBase'),
  ratio(row, 'foldedToPlain'),
  row.switchMs.toFixed(3),
];

const ratio = ({ ratios, processorRatios }: ServingRow, name: keyof Ratios): string =>
  `${ratios[name].toFixed(3)} (${processorRatios[name].toFixed(3)})`;
