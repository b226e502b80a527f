import { present } from '@hadamard-adapter/core/internal';
import { Command } from 'commander';
import { ConfigError, formatCount } from '@hadamard-adapter/core';
import { ADAPTER_CARD_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { checkUnoccupied, checkWritable, writeFolder } from '@hadamard-adapter/hub/node';
import { devFlags, hasDevData, taskData, unscorable, type DevFlags } from '../analyze/dev-data.js';
import { checkKeep, chooseLayers, numbersOf, prunedFiles, smallerAdapter, type PruneGoal } from '../analyze/prune.js';
import { readAdapterRun, type Run } from '../analyze/runs.js';
import { openScorers, type Scorer } from '../analyze/scorer.js';
import { POINT, points } from '../analyze/table.js';
import {
  type DeviceFlags,
  integer,
  jsonOption,
  number,
  openModel,
  openTokenizer,
  print,
  printJson,
  readFolder,
  withData,
  withDevice,
} from '@hadamard-adapter/cli/internal';
import { noSteps, stepBars } from '../output/steps.js';

interface PruneFlags extends DeviceFlags {
  readonly keep?: number;
  readonly budget?: number;
  readonly model?: string;
  readonly task?: string;
  readonly output: string;
  readonly json?: boolean;
}

export function pruneCommand(): Command {
  const command = new Command('prune')
    .description(
      'write a smaller adapter: without the layers that do least, chosen by scoring where there are model and data',
    )
    .argument('<adapter>', 'adapter folder')
    .option('--keep <n>', 'layers to keep', integer(0))
    .option(
      '--budget <points>',
      'drop as many layers as cost no more than this many points of score; a point is 0.01',
      number(0, 100),
    )
    .requiredOption('-o, --output <folder>', 'adapter folder to write')
    .option(
      '--model <model>',
      'base model, to choose layers by scoring: model folder, .onnx or .safetensors file, or hub id',
    )
    .option('--limit-dev <n>', 'score on this many rows', integer(1));
  return withDevice(withData(command, { training: false }))
    .addOption(jsonOption())
    .action(runPrune);
}

async function runPrune(place: string, flags: PruneFlags & Record<string, unknown>): Promise<void> {
  const goal = goalOf(flags);
  const run = withTask(await readAdapterRun(place), flags.task);
  const { config } = run.adapter;
  if ('keep' in goal) checkKeep(goal.keep, config.layers.length);
  // Also a folder that is an adapter may be somebody's: nothing is replaced.
  await checkUnoccupied(flags.output, []);
  await checkWritable(flags.output);
  const card = (await readFolder(place, 'The adapter folder'))[ADAPTER_CARD_FILE];
  const data = devFlags(flags);
  const view = flags.json === true && !process.stderr.isTTY ? noSteps() : stepBars();

  const write = async (scorer: Scorer | undefined): Promise<void> => {
    const chosen = await chooseLayers(
      run,
      goal,
      scorer === undefined ? undefined : counted(scorer, config.layers.length, view.show),
    );
    view.stop();
    const adapter = smallerAdapter(run, chosen.kept, scorer);
    const [numbers, before] = [numbersOf(adapter), numbersOf(run.adapter)];
    const files = prunedFiles(adapter, chosen, card === undefined ? undefined : new TextDecoder().decode(card), {
      trainable: numbers,
      ...(scorer === undefined
        ? {}
        : {
            metric: scorer.metric.main,
            rows: scorer.split.size,
            total: scorer.session.compiled.canonical.parameterCount,
          }),
    });
    await writeFolder(flags.output, files, []);
    const bytes = files[ADAPTER_TENSORS_FILE]?.byteLength ?? 0;
    const { kept, removed, by, full, score } = chosen;
    const lost = full === undefined || score === undefined ? undefined : points(full.score - score.score);
    if (flags.json === true) {
      printJson({
        output: flags.output,
        kept,
        removed,
        by,
        numbers,
        of: before,
        bytes,
        ...(scorer === undefined
          ? {}
          : { metric: scorer.metric.main, rows: scorer.split.size, full: full?.score, score: score?.score, lost }),
      });
      return;
    }
    print(
      `kept ${kept.length} of ${config.layers.length} layers (${kept.join(', ')}): ${formatCount(numbers)} of ` +
        `${formatCount(before)} numbers`,
    );
    print(
      by === 'elimination'
        ? 'chosen by greedy elimination'
        : 'chosen by mean |w − 1| + mean |b|, since there are no model and data to score with',
    );
    if (scorer !== undefined && full !== undefined && score !== undefined && lost !== undefined)
      print(
        `${scorer.metric.main} ${score.score.toFixed(4)} instead of ${full.score.toFixed(4)} on ` +
          `${formatCount(scorer.split.size)} rows, ${lost.toFixed(2)} points lost`,
      );
    print(`wrote ${flags.output} (${(bytes / 1024).toFixed(1)} KiB)`);
  };

  try {
    if (!scores(flags, data, goal, run)) return await write(undefined);
    const tables = taskData(data);
    await tables.tables(run);
    const folder = await openModel(present(flags.model));
    const scorers = openScorers(folder, flags);
    try {
      await write(await scorers.of(run, await tables.dev(run, (maxLength) => openTokenizer(folder, maxLength))));
    } finally {
      await scorers.dispose();
    }
  } finally {
    view.stop();
  }
}

/** @throws ConfigError PRUNE_WHAT unless exactly one goal is given. */
function goalOf({ keep, budget }: PruneFlags): PruneGoal {
  if (keep !== undefined && budget === undefined) return { keep };
  if (budget !== undefined && keep === undefined) return { budget: budget * POINT };
  throw new ConfigError('There are no goals for pruning, or too many', {
    code: 'PRUNE_WHAT',
    found: keep === undefined ? 'neither --keep nor --budget' : '--keep and --budget',
    expected: 'one of them',
  });
}

/**
 * Whether layers are chosen by scoring.
 *
 * @throws ConfigError PRUNE_DATA when half of what scoring needs is there, or all of it is needed and is not.
 */
function scores({ model }: PruneFlags, data: DevFlags, goal: PruneGoal, { adapter }: Run): boolean {
  const labelled = hasDevData(data);
  if (model === undefined && !labelled && 'keep' in goal) return false;
  const reason = unscorable(adapter.config);
  if (reason !== undefined)
    throw new ConfigError('This adapter cannot be scored here', {
      code: 'PRUNE_DATA',
      found: reason,
      expected: '--keep without model and data',
    });
  if (model !== undefined && labelled) return true;
  const found =
    model === undefined
      ? labelled
        ? 'labelled rows but no model'
        : 'neither a model nor labelled rows'
      : 'a model but no labelled rows';
  throw new ConfigError('Layers cannot be chosen by scoring', {
    code: 'PRUNE_DATA',
    found,
    expected: '--model, and --data or --dev',
  });
}

/** The task that rows are read for may have another name here. */
const withTask = (run: Run, task: string | undefined): Run => (task === undefined ? run : { ...run, task });

/** Elimination that shows how far it is. */
function counted(scorer: Scorer, layers: number, show: (doing: string, done: number, total: number) => void): Scorer {
  const asked = new Set<string>();
  return {
    ...scorer,
    async scoreLayers(kept) {
      const result = await scorer.scoreLayers(kept);
      show('elimination', asked.add(kept.join()).size, (layers * (layers + 1)) / 2 + 1);
      return result;
    },
  };
}
