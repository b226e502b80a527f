import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { BENCH_MODELS, checkModels, runBench, type BenchRow } from '../bench/bench.js';
import { findPython } from '../bench/python.js';
import { integer, jsonOption, list, print, printJson, table } from '@hadamard-adapter/cli/internal';
import { benchCacheCommand, benchEpochCommand } from './bench-epoch.js';
import { benchFloorCommand } from './bench-floor.js';
import { benchServingCommand } from './bench-serving.js';

interface BenchFlags {
  readonly model?: string[];
  readonly sequence: number;
  readonly threads: number;
  readonly rounds: number;
  readonly peer: boolean;
  readonly json?: boolean;
}

export function benchCommand(): Command {
  return new Command('bench')
    .enablePositionalOptions()
    .addCommand(benchEpochCommand())
    .addCommand(benchCacheCommand())
    .addCommand(benchServingCommand())
    .addCommand(benchFloorCommand())
    .description(
      'measure training step, inference and peak memory, next to PyTorch when a python3 with torch is there ' +
        '(PYTHON=… chooses it)',
    )
    .option(
      '--model <name>',
      `size to measure, repeatable: ${Object.keys(BENCH_MODELS).join(', ')} (default: all)`,
      list,
    )
    .option('--sequence <n>', 'tokens per example', integer(1), 128)
    .option('--threads <n>', 'threads for each contestant', integer(1), Math.min(2, availableParallelism()))
    .option('--rounds <n>', 'rounds, taking turns; the median counts', integer(1), 5)
    .option('--no-peer', 'do not measure PyTorch')
    .addOption(jsonOption())
    .action(async (flags: BenchFlags) => {
      const models = flags.model ?? Object.keys(BENCH_MODELS);
      checkModels(models);
      const python = flags.peer ? await findPython() : undefined;
      if (flags.peer && python === undefined)
        process.stderr.write('PyTorch skipped: no python3 with torch found (set PYTHON to one)\n');
      const rows = await runBench({
        models,
        sequence: flags.sequence,
        threads: flags.threads,
        rounds: flags.rounds,
        ...(python === undefined ? {} : { python }),
        onProgress: (text) => process.stderr.isTTY && process.stderr.write(`\r${text.padEnd(40)}`),
      });
      if (process.stderr.isTTY) process.stderr.write('\r'.padEnd(41) + '\r');
      if (flags.json === true) printJson({ rows });
      else printRows(rows);
    });
}

function printRows(rows: readonly BenchRow[]): void {
  print(
    table(
      ['model', 'batch', 'tokens', 'runtime', 'device', 'ms/step', 'ms/inference', 'peak MB'],
      rows.map(({ model, batch, sequence, runtime, device, stepMs, inferMs, peakMb }) => [
        model,
        batch,
        sequence,
        runtime,
        device,
        stepMs.toFixed(1),
        inferMs.toFixed(1),
        peakMb.toFixed(0),
      ]),
    ),
  );
}
