import { rm } from 'node:fs/promises';
import { Command, Option } from 'commander';
import {
  ADAPTER_DEFAULTS,
  ConfigError,
  STAGE_DEFAULTS,
  twoStage,
  type HeadKind,
  type Plan,
  type StageOptions,
} from '@hadamard-adapter/core';
import { dataFlags, loadData, withData } from '../data.js';
import { interruptSignal } from '../interrupt.js';
import { modelLabels, openModel } from '../io/model-folder.js';
import {
  deviceOf,
  integer,
  jsonOption,
  number,
  withDevice,
  withPlacement,
  type DeviceFlags,
  type PlacementFlags,
} from '../options.js';
import { EXIT, print, printJson } from '../output/report.js';
import { printReport } from '../output/run-table.js';
import { silent, trainingBars } from '../output/training.js';
import { checkpointFolder, runTraining } from '../run.js';

const { classifier: CLASSIFIER, adapter: ADAPTER } = STAGE_DEFAULTS;

interface TrainFlags extends PlacementFlags, DeviceFlags {
  readonly model: string;
  readonly output: string;
  readonly pooling?: 'first' | 'last' | 'mean';
  readonly head: HeadKind;
  readonly labels?: string[];
  readonly task?: string;
  readonly dropout: number;
  readonly classifierEpochs: number;
  readonly classifierLr: number;
  readonly epochs: number;
  readonly lr: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly weightDecay: number;
  readonly warmup: number;
  readonly schedule: 'linear' | 'constant';
  readonly maxGradNorm?: number;
  readonly patience?: number;
  readonly freezeClassifier: boolean;
  readonly seed: number;
  readonly cacheMb: number;
  readonly checkpointEvery: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description(
      'fine-tune in two stages: the classifier, then a Hadamard adapter and norms with that classifier frozen',
    )
    .requiredOption('--model <model>', 'model folder, .onnx or .safetensors file, or hub id')
    .option('--output <folder>', 'adapter folder to write', 'adapter');
  withDevice(withPlacement(withData(command, { training: true })));
  return command
    .addOption(
      new Option(
        '--pooling <kind>',
        `how the sequence becomes one vector (default: ${ADAPTER_DEFAULTS.pooling})`,
      ).choices(['first', 'last', 'mean']),
    )
    .addOption(
      new Option(
        '--head <kind>',
        'linear classifier as in the paper, one with a tanh layer in front, or the one that the model came with',
      )
        .choices(['linear', 'tanh', 'model'])
        .default('linear'),
    )
    .option('--dropout <rate>', 'dropout in front of the classifier', number(0, 0.9), 0)
    .option('--classifier-epochs <n>', 'epochs of stage one', integer(1), CLASSIFIER.epochs)
    .option('--classifier-lr <rate>', 'learning rate of stage one', number(0), CLASSIFIER.learningRate)
    .option('--epochs <n>', 'epochs of stage two', integer(1), ADAPTER.epochs)
    .option('--lr <rate>', 'learning rate of stage two', number(0), ADAPTER.learningRate)
    .option('--batch-size <n>', 'examples per forward pass', integer(1), ADAPTER.batchSize)
    .option('--accumulate <n>', 'batches per update', integer(1), ADAPTER.accumulate)
    .option('--weight-decay <rate>', 'decoupled weight decay', number(0), ADAPTER.weightDecay)
    .option(
      '--warmup <share>',
      'share of the steps in which the learning rate rises',
      number(0, 1),
      ADAPTER.warmupRatio,
    )
    .addOption(
      new Option('--schedule <kind>', 'learning rate after warm-up')
        .choices(['linear', 'constant'])
        .default(ADAPTER.schedule),
    )
    .option('--max-grad-norm <norm>', 'clip the gradient to this norm', number(0))
    .option('--patience <n>', 'stop a stage after this many epochs without a better score', integer(1))
    .option('--no-freeze-classifier', 'go on training the classifier in stage two')
    .option('--seed <n>', 'seed of everything random', integer(0), 0)
    .option('--cache-mb <n>', 'memory for activations computed once; 0 for none', integer(0), 512)
    .option('--checkpoint-every <n>', 'steps between checkpoints', integer(1), 200)
    .option('--resume', 'go on from the checkpoint of the same output folder')
    .addOption(jsonOption())
    .action(async (flags: TrainFlags & Record<string, unknown>) => {
      process.exitCode = await runTrain(flags);
    });
}

async function runTrain(flags: TrainFlags & Record<string, unknown>): Promise<number> {
  const { signal, release } = interruptSignal();
  try {
    const plan = planOf(flags);
    // A classifier that is there already has its labels in an order of its own; otherwise mistakes in the data are told
    // before a model is read.
    const own = flags.head === 'model' ? await openModel(flags.model) : undefined;
    const labels = flags.labels ?? (own === undefined || flags.task !== undefined ? undefined : modelLabels(own));
    const data = await loadData(
      { ...dataFlags(flags), ...(labels === undefined ? {} : { labels }) },
      { training: true, seed: flags.seed },
    );
    if (data.train === undefined) throw new ConfigError('There is nothing to train on', { code: 'DATA_FLAGS' });
    const model = own ?? (await openModel(flags.model));
    const outcome = await runTraining({
      model,
      task: data.task,
      metric: data.metric,
      train: data.train,
      dev: data.dev,
      plan,
      load: {
        site: flags.site,
        norm: flags.norm,
        ...(flags.layers === undefined ? {} : { layers: flags.layers }),
        crossAttention: flags.crossAttention === true,
        ...(flags.pooling === undefined ? {} : { pooling: flags.pooling }),
        head: flags.head,
        dropout: flags.dropout,
        seed: flags.seed,
        ...deviceOf(flags),
      },
      ...(typeof flags['maxLength'] === 'number' ? { maxLength: flags['maxLength'] } : {}),
      maxCacheBytes: flags.cacheMb * 2 ** 20,
      output: flags.output,
      resume: flags.resume === true,
      checkpointEvery: flags.checkpointEvery,
      signal,
      view: flags.json === true && !process.stderr.isTTY ? silent() : trainingBars(),
    });
    if (outcome === undefined) {
      print(`interrupted; the same command with --resume goes on from ${checkpointFolder(flags.output)}`);
      return EXIT.interrupted;
    }
    await outcome.session.dispose();
    await rm(checkpointFolder(flags.output), { recursive: true, force: true });
    if (flags.json === true) printJson(outcome.report);
    else printReport(outcome.report);
    return EXIT.ok;
  } finally {
    release();
  }
}

function planOf(flags: TrainFlags): Plan {
  const common: StageOptions = {
    batchSize: flags.batchSize,
    accumulate: flags.accumulate,
    weightDecay: flags.weightDecay,
    warmupRatio: flags.warmup,
    schedule: flags.schedule,
    ...(flags.maxGradNorm === undefined ? {} : { maxGradientNorm: flags.maxGradNorm }),
    ...(flags.patience === undefined ? {} : { patience: flags.patience }),
  };
  return twoStage({
    classifier: { ...common, epochs: flags.classifierEpochs, learningRate: flags.classifierLr },
    adapter: { ...common, epochs: flags.epochs, learningRate: flags.lr },
    freezeClassifier: flags.freezeClassifier,
    seed: flags.seed,
  });
}
