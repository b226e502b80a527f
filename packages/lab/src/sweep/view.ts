import { MultiBar, type SingleBar } from 'cli-progress';
import { colors, duration } from '@hadamard-adapter/cli/internal';
import type { RunFailure } from './failure.js';
import type { RunResult } from './result.js';
import { describeRun, type Run } from './run.js';

/** How a sweep shows itself while it goes on. Workers are told apart by name. */
export interface SweepView<R extends Run = Run> {
  started(worker: string, run: R): void;
  progress(worker: string, run: R, done: number): void;
  finished(worker: string, run: R, result: RunResult): void;
  failed(worker: string, run: R, failure: RunFailure): void;
  /** The worker does nothing any more. */
  left(worker: string): void;
  note(text: string): void;
  stop(): void;
}

type Shown = Run & { readonly shown?: Readonly<Record<string, unknown>> };

/**
 * On a terminal: one bar for all runs with the time that is left, and one for each worker with what it runs. Elsewhere:
 * a line for each run that is finished.
 *
 * @param done runs that were finished before.
 */
export function sweepView(total: number, done: number, stream: NodeJS.WriteStream = process.stderr): SweepView<Shown> {
  const started = performance.now();
  let [finished, here] = [done, 0];
  const bars = stream.isTTY ? makeBars(stream) : undefined;
  const overall = bars?.create(Math.max(1, total), done, { name: 'runs'.padEnd(NAME), note: `${done} of ${total}` });
  const rows = new Map<string, SingleBar>();
  const describe = (run: Shown): string => describeRun(run, run.shown);

  const line = (text: string): void => {
    if (bars === undefined) stream.write(`${text}\n`);
    else {
      bars.log(`${text}\n`);
      bars.update();
    }
  };
  const left = (): string =>
    here === 0 || finished === total
      ? ''
      : `, ${duration(((performance.now() - started) / 1000 / here) * (total - finished))} left`;
  const row = (worker: string, run: Shown): SingleBar | undefined => {
    const before = rows.get(worker);
    if (before !== undefined || bars === undefined) return before;
    const made = bars.create(100, 0, { name: worker.slice(-NAME).padEnd(NAME), note: describe(run) });
    rows.set(worker, made);
    return made;
  };
  const count = (worker: string): void => {
    finished++;
    here++;
    rows.get(worker)?.update(0, { note: '' });
    overall?.update(finished, { note: `${finished} of ${total}${left()}` });
  };

  return {
    started: (worker, run) => row(worker, run)?.update(0, { note: describe(run) }),
    progress: (worker, run, part) => row(worker, run)?.update(Math.floor(100 * part), { note: describe(run) }),
    finished(worker, run, { metric, score, seconds }) {
      count(worker);
      line(
        `${finished}/${total}  ${colors.green('✓')} ${describe(run)}: ${metric} ${score.toFixed(4)} ` +
          `(${timeText(seconds)}${bars === undefined ? left() : ''})`,
      );
    },
    failed(worker, run, { code, message }) {
      count(worker);
      line(`${finished}/${total}  ${colors.red('✗')} ${describe(run)}: [${code}] ${message.split('\n')[0]}`);
    },
    left(worker) {
      const bar = rows.get(worker);
      if (bar !== undefined) bars?.remove(bar);
      rows.delete(worker);
    },
    note: (text) => line(colors.yellow(text)),
    stop: () => bars?.stop(),
  };
}

/** Short runs are told apart by tenths of a second. */
export const timeText = (seconds: number): string => (seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds));

const NAME = 16;

function makeBars(stream: NodeJS.WriteStream): MultiBar {
  return new MultiBar({
    stream,
    format: `${colors.cyan('{name}')} {bar} {note}`,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    hideCursor: true,
    clearOnComplete: true,
    barsize: 24,
    fps: 5,
  });
}
