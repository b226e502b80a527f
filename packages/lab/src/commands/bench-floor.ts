import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { checkModels } from '../bench/bench.js';
import { runFloorBench } from '../bench/floor.js';
import { findPython } from '../bench/python.js';
import { integer, jsonOption, list, print, printJson, table } from '@hadamard-adapter/cli/internal';

interface FloorFlags {
  readonly model?: string[];
  readonly sequence: number;
  readonly threads: number;
  readonly rounds: number;
  readonly json?: boolean;
}

/** `bench floor`: how much of a step are products that it cannot do without. */
export function benchFloorCommand(): Command {
  return new Command('floor')
    .description(
      'time the products with frozen weights of a training step alone, next to the whole step and to PyTorch: ' +
        'what float32 cannot go below here',
    )
    .option('--model <name>', 'size to measure, repeatable', list)
    .option('--sequence <n>', 'tokens per example', integer(1), 128)
    .option('--threads <n>', 'threads for each contestant', integer(1), Math.min(2, availableParallelism()))
    .option('--rounds <n>', 'rounds, taking turns; the median counts', integer(1), 5)
    .addOption(jsonOption())
    .action(async ({ model: models = ['L6-H384', 'L12-H768'], json, ...options }: FloorFlags) => {
      checkModels(models);
      const python = await findPython();
      const rows = await runFloorBench({ ...options, models, ...(python === undefined ? {} : { python }) });
      if (json === true) printJson({ rows });
      else {
        print(
          table(
            ['model', 'batch', 'ms products', 'GFLOP/s', 'ms/step', 'ms/step PyTorch', 'products/PyTorch'],
            rows.map(({ model, batch, productsMs, gigaflops, stepMs, peerMs }) => [
              model,
              batch,
              productsMs.toFixed(0),
              gigaflops.toFixed(0),
              stepMs.toFixed(0),
              peerMs?.toFixed(0) ?? '',
              peerMs === undefined ? '' : (productsMs / peerMs).toFixed(2),
            ]),
          ),
        );
      }
    });
}
