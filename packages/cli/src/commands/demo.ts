import { rm } from 'node:fs/promises';
import { twoStage } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { Command } from 'commander';
import { EMBEDDED_MODEL, EXAMPLE_DATA } from '../assets.js';
import { classify } from '../classify.js';
import { loadData } from '../data.js';
import { interruptSignal } from '../interrupt.js';
import { openModel } from '../io/model-folder.js';
import { integer, jsonOption, list, threadsOption } from '../options.js';
import { EXIT, print, printJson } from '../output/report.js';
import { printReport } from '../output/run-table.js';
import { silent, trainingBars } from '../output/training.js';
import { checkpointFolder, runTraining } from '../run.js';
import { printPredictions } from './predict.js';

interface DemoFlags {
  readonly text?: string[];
  readonly output: string;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
}

/** Neither occurs in the example data. */
const SENTENCES = [
  'The goalkeeper dived to the left and pushed the penalty round the post.',
  'Peel the potatoes and boil them in salted water until they are soft.',
];

/** 480 short texts make 15 steps an epoch, so it takes more epochs than a large data set. */
const PLAN = { classifier: { epochs: 10, learningRate: 5e-3 }, adapter: { epochs: 20, learningRate: 1e-2 } } as const;

export function demoCommand(): Command {
  return new Command('demo')
    .description('train the embedded model on the embedded example texts in two stages, then classify two sentences')
    .option('--text <text>', 'text to classify at the end, repeatable', list)
    .option('--output <folder>', 'adapter folder to write', 'runs/demo')
    .option('--seed <n>', 'seed of everything random', integer(0), 0)
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(async (flags: DemoFlags) => {
      process.exitCode = await runDemo(flags);
    });
}

async function runDemo({ text = SENTENCES, output, seed, threads, json = false }: DemoFlags): Promise<number> {
  const { signal, release } = interruptSignal();
  try {
    const data = await loadData(
      { train: EXAMPLE_DATA.train, dev: EXAMPLE_DATA.test, holdout: 0 },
      { training: true, seed },
    );
    const model = await openModel(EMBEDDED_MODEL);
    if (!json) print(`Training ${model.name} to tell ${data.train?.labels.join(', ')} apart\n`);
    const outcome = await runTraining({
      model,
      task: 'subjects',
      metric: data.metric,
      train: present(data.train),
      dev: data.dev,
      plan: twoStage({ ...PLAN, seed }),
      // The score is of the last epoch: choosing the best one on the texts that are then reported would flatter it.
      selectBest: false,
      load: { device: 'cpu', threads, seed },
      maxCacheBytes: 512 * 2 ** 20,
      output,
      resume: false,
      checkpointEvery: 200,
      signal,
      view: json && !process.stderr.isTTY ? silent() : trainingBars(),
    });
    if (outcome === undefined) {
      await rm(checkpointFolder(output), { recursive: true, force: true });
      print('interrupted; nothing was kept');
      return EXIT.interrupted;
    }
    const { report, session, tokenizer, labels } = outcome;
    const { predictions } = await classify(
      session,
      tokenizer,
      labels,
      text.map((each) => ({ text: each })),
    );
    await session.dispose();
    await rm(checkpointFolder(output), { recursive: true, force: true });
    if (json) {
      printJson({ ...report, predictions });
      return EXIT.ok;
    }
    printReport(report);
    print();
    printPredictions(predictions);
    print('\nYour own sentences: npm start -- --text "…" --text "…"');
    return EXIT.ok;
  } finally {
    release();
  }
}
