import { Command } from 'commander';
import { evaluate, type Evaluation } from '@hadamard-adapter/core';
import { tokenize } from '@hadamard-adapter/tasks';
import { dataFlags, loadData, withData } from '../data.js';
import { jsonOption, withDevice } from '../options.js';
import { print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';
import { useAdapter, type UseFlags } from './use.js';

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('score a trained adapter on labelled data')
    .requiredOption('--model <model>', 'model folder, .onnx or .safetensors file, or hub id')
    .requiredOption('--adapter <folder>', 'adapter folder');
  return withDevice(withData(command, { training: false }))
    .addOption(jsonOption())
    .action(runEvaluate);
}

async function runEvaluate(flags: UseFlags & Record<string, unknown>): Promise<void> {
  const used = await useAdapter(flags);
  try {
    const regression = used.config.loss === 'mse';
    const options = { ...dataFlags(flags), ...(regression ? { regression } : {}) };
    const data = await loadData(options, { training: false, seed: 0, ...(regression ? {} : { known: used.labels }) });
    const results: Record<string, Evaluation['scores']> = {};
    let examples = 0;
    for (const { name, table: rows } of data.dev) {
      const split = await tokenize(rows, used.tokenizer(), { id: `dev${name}` });
      results[split.id] = (await evaluate(used.session, split, data.metric)).scores;
      examples += split.size;
    }
    const [first = {}] = Object.values(results);
    const score = first[data.metric.main] ?? 0;
    if (flags.json === true) printJson({ task: data.task, metric: data.metric.main, score, scores: results, examples });
    else {
      print(
        table(
          ['split', 'metric', 'score'],
          Object.entries(results).flatMap(([split, scores]) =>
            Object.entries(scores).map(([metric, value]) => [split, metric, value.toFixed(4)]),
          ),
        ),
      );
    }
  } finally {
    await used.session.dispose();
  }
}
