import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import {
  colors,
  EXIT,
  integer,
  interruptSignal,
  jsonOption,
  openModel,
  print,
  printJson,
} from '@hadamard-adapter/cli/internal';
import { checkWritable } from '@hadamard-adapter/hub/node';
import { printSweep } from '../output/sweep-table.js';
import { removeCheckpoint, tidyCheckpoints } from '../sweep/checkpoint-folder.js';
import { openEnvironment } from '../sweep/environment.js';
import { loadSource } from '../sweep/load.js';
import { distinct, planRuns, type PlannedRun } from '../sweep/plan-runs.js';
import { runPool, type PoolOutcome } from '../sweep/pool.js';
import { openResults, readRuns, type Results } from '../sweep/results.js';
import { describeRun } from '../sweep/run.js';
import { readSweep, referenceOf, resultsFile, runningFolder, type Places, type Sweep } from '../sweep/spec.js';
import { summarizeSweep } from '../sweep/summary.js';
import { sweepView, timeText, type SweepView } from '../sweep/view.js';

interface SweepFlags extends Places {
  readonly show?: boolean;
  readonly against?: string;
  readonly queue?: string;
  readonly workers?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

export function sweepCommand(): Command {
  return new Command('sweep')
    .description('train tasks × methods × seeds × hyperparameters by a YAML file; what is finished is never repeated')
    .argument('<file>', 'sweep file')
    .option('--show', 'only print the results so far')
    .option(
      '--against <method>',
      'label of the method that the others are compared with, paired by seed (default: the first)',
    )
    .option('--queue <url>', 'let workers on this and other machines do the runs, through Redis: redis://host:port/db')
    .option('--model <model>', 'base model (default: what the file says)')
    .option('--data <folder>', 'folder of the GLUE tasks (default: what the file says)')
    .option(
      '--output <folder>',
      'folder of the results, which several sweeps may share (default: what the file says, or FILE-results beside it)',
    )
    .option('--workers <n>', 'local processes (default: what the file says, or 1)', integer(1))
    .option(
      '--threads <n>',
      'threads of each run (default: what the file says, or 1 with several workers and all cores with one)',
      integer(1),
    )
    .addOption(jsonOption())
    .action(async (file: string, flags: SweepFlags) => {
      process.exitCode = await runSweep(file, flags);
    });
}

async function runSweep(file: string, flags: SweepFlags): Promise<number> {
  const { signal, release } = interruptSignal();
  try {
    const sweep = withFlags(await readSweep(file, flags), flags);
    const against = referenceOf(sweep, flags.against);
    const environment = openEnvironment(await openModel(sweep.model), loadSource);
    const runs = await planRuns(sweep, environment);
    const results = resultsFile(sweep);
    const started = performance.now();
    const outcome = flags.show === true ? undefined : await execute(sweep, runs, flags.queue, signal);
    const seconds = (performance.now() - started) / 1000;
    const finished = readRuns(results, { tensors: false });
    const summary = summarizeSweep(runs, finished, against);
    const all = distinct(runs);
    const keys = new Set(finished.map(({ key }) => key));
    const done = all.filter(({ key }) => keys.has(key)).length;
    const ran = outcome === undefined ? 0 : done - outcome.before;
    const failed = outcome?.failed ?? [];
    const interrupted = outcome?.interrupted ?? false;
    if (flags.json === true) {
      const failures = failed.map(({ run, failure }) => ({
        key: run.key,
        task: run.task,
        method: run.method,
        seed: run.seed,
        ...failure,
      }));
      printJson({
        runs: all.length,
        finished: done,
        ran,
        seconds,
        failed: failures,
        interrupted,
        results,
        against,
        ...summary,
      });
    } else {
      printSweep(summary, against);
      print(
        `\n${done} of ${all.length} runs ` +
          `finished${ran === 0 ? '' : `, ${ran} of them now, in ${timeText(seconds)}`}; results in ${results}`,
      );
      for (const { run, failure } of failed)
        print(
          `${colors.red('failed')}  ${describeRun(run, run.shown)}: [${failure.code}] ` +
            `${failure.message.split('\n')[0]}`,
        );
      if (interrupted)
        print(
          flags.queue === undefined
            ? 'interrupted; the same command goes on'
            : 'interrupted; workers go on, and the same command takes their results',
        );
    }
    return interrupted ? EXIT.interrupted : failed.length > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    release();
  }
}

const withFlags = (sweep: Sweep, { workers, threads }: SweepFlags): Sweep => ({
  ...sweep,
  ...(workers === undefined ? {} : { workers }),
  ...(threads === undefined ? {} : { threads }),
});

interface Executed extends PoolOutcome<PlannedRun> {
  /** Runs that were finished before. */
  readonly before: number;
}

/** Do what is not finished yet. */
async function execute(
  sweep: Sweep,
  runs: readonly PlannedRun[],
  url: string | undefined,
  signal: AbortSignal,
): Promise<Executed> {
  await checkWritable(resultsFile(sweep));
  const results = openResults(resultsFile(sweep));
  try {
    const all = distinct(runs);
    const pending = all.filter(({ key }) => !results.has(key));
    const before = all.length - pending.length;
    const view = sweepView(all.length, before);
    try {
      return {
        before,
        ...(await (url === undefined
          ? locally(sweep, pending, results, view, signal)
          : throughQueue(sweep, pending, results, view, signal, url))),
      };
    } finally {
      view.stop();
    }
  } finally {
    results.close();
  }
}

async function locally(
  sweep: Sweep,
  pending: readonly PlannedRun[],
  results: Results,
  view: SweepView<PlannedRun>,
  signal: AbortSignal,
): Promise<PoolOutcome<PlannedRun>> {
  const running = runningFolder(sweep);
  await tidyCheckpoints(running, new Set(pending.map(({ key }) => key)));
  const { model, workers, threads = workers > 1 ? 1 : availableParallelism(), checkpointEvery } = sweep;
  return runPool(pending, {
    workers,
    setup: { model, threads, checkpointEvery, running },
    signal,
    view,
    async keep(run, result) {
      results.save(run, result);
      await removeCheckpoint(running, run.key);
    },
  });
}

async function throughQueue(
  sweep: Sweep,
  pending: readonly PlannedRun[],
  results: Results,
  view: SweepView<PlannedRun>,
  signal: AbortSignal,
  url: string,
): Promise<PoolOutcome<PlannedRun>> {
  if (pending.length === 0) return { failed: [], interrupted: false };
  // Most people have no Redis: its libraries are not read for them.
  const [{ connect }, { runQueue }] = await Promise.all([
    import('../sweep/queue/connection.js'),
    import('../sweep/queue/run-queue.js'),
  ]);
  const connection = await connect(url, view.note);
  try {
    const { threads } = sweep;
    return await runQueue(pending, {
      connection,
      signal,
      view,
      done: results.keys(),
      ...(threads === undefined ? {} : { threads }),
      keep: async (run, result) => results.save(run, result),
    });
  } finally {
    connection.close();
  }
}
