import { formatCount, formatShare } from '@hadamard-adapter/core';
import { textOf } from '../sweep/run.js';
import type { Summary } from '../sweep/statistics.js';
import type { SweepSummary } from '../sweep/summary.js';
import { print, table } from '@hadamard-adapter/cli/internal';

/** The tables that a sweep ends with. */
export function printSweep({ settings, differences }: SweepSummary, against: string): void {
  const distance = settings.some(({ closed }) => closed !== undefined);
  const grid = settings.some(({ shown }) => Object.keys(shown).length > 0);
  print(
    table(
      [
        'task',
        'method',
        ...(grid ? ['settings'] : []),
        'metric',
        'score',
        'seeds',
        'trained',
        'share',
        ...(distance ? ['of the distance'] : []),
      ],
      settings.map(({ task, method, shown, metric, score, best, trainable, share, closed, missing }) => [
        task,
        method,
        ...(grid ? [`${settingsText(shown)}${best ? ' *' : ''}`] : []),
        metric,
        score === undefined ? '–' : scoreText(score),
        missing === 0 ? String(score?.n ?? 0) : `${score?.n ?? 0} of ${(score?.n ?? 0) + missing}`,
        trainable === undefined ? '–' : formatCount(trainable),
        share === undefined ? '–' : formatShare(share),
        ...(distance ? [closed === undefined ? '' : `${(100 * closed).toFixed(0)} %`] : []),
      ]),
    ),
  );
  if (grid) print('* best setting of its method by mean');
  if (distance) print('distance: from the classifier alone to full fine-tuning');
  const known = differences.flatMap(({ task, method, shown, difference }) =>
    difference === undefined
      ? []
      : [[task, method, ...(grid ? [settingsText(shown)] : []), scoreText(difference, true), String(difference.n)]],
  );
  if (known.length === 0) return;
  print(`\ndifference to ${against}, paired by seed${grid ? ', each method in its best setting' : ''}`);
  print(table(['task', 'method', ...(grid ? ['settings'] : []), 'difference', 'seeds'], known));
}

const settingsText = (shown: Readonly<Record<string, unknown>>): string =>
  Object.entries(shown)
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(', ');

/** `0.8532 ± 0.0041`; of one value there is no spread. */
function scoreText({ mean, deviation }: Summary, signed = false): string {
  const spread = deviation === undefined ? '' : ` ± ${deviation.toFixed(4)}`;
  return `${signed && mean >= 0 ? '+' : ''}${mean.toFixed(4)}${spread}`;
}
