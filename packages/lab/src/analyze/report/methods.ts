import { formatCount, formatShare } from '@hadamard-adapter/core';
import { meansOf, type MethodMean, type MethodScore } from '../compare-methods.js';
import { groupBy } from '../../group-by.js';
import { count, points, type Block, type Section } from '../table.js';
import { domainOf, dotRows, seriesColor, wider } from './plots.js';

const INTRO =
  'What Hadamard adapters reach beside other ways to fine-tune the same model on the same data. The least is the ' +
  'classifier alone, on a model that stays as it was; the most that is expected is full fine-tuning, which ' +
  'trains every number of it.';

/**
 * The methods of sweeps side by side: scores, numbers trained, and how much of the distance to full fine-tuning each
 * closes.
 */
export function methodsSection(found: readonly MethodScore[]): Section {
  const means = meansOf(found);
  return {
    id: 'methods',
    title: 'Methods',
    intro: INTRO,
    findings: findings(means),
    blocks: [
      scoresBlock(found),
      ...(means.some(({ closed }) => closed !== undefined) ? [distanceBlock(found, means)] : []),
    ],
  };
}

const percent = (part: number): string => `${(100 * part).toFixed(0).replace('-', '−')} %`;

/** Of the method that all this is about; the others are in the table. */
function findings(means: readonly MethodMean[]): string[] {
  return means.flatMap(({ label, method, closed, compared, above, trainable, share }) => {
    if (method !== 'hadamard' || closed === undefined) return [];
    return [
      `${label} trains ${formatCount(trainable)} numbers (${formatShare(share)}), is above the classifier alone ` +
        `on ${above} of ${count(compared, 'task')} on which full fine-tuning is, and closes ${percent(closed)} of ` +
        'the distance between them in the mean.',
    ];
  });
}

const CHOICE =
  'Each method is in its best setting on the task, chosen by the mean on the rows that are reported, among those ' +
  'with most seeds';

function scoresBlock(found: readonly MethodScore[]): Block {
  const labels = [...new Set(found.map(({ label }) => label))];
  const tasks = [...groupBy(found, ({ task, metric }) => `${task}, ${metric}`)];
  return {
    title: 'Scores',
    caption:
      `Mean score over seeds, with one sample standard deviation to each side. ${CHOICE}. The gain is over the ` +
      'classifier alone, paired by seed.',
    plots: tasks.map(([title, own]) =>
      dotRows(
        own.map(({ label, mean, deviation, trainable }) => ({
          row: label,
          x: mean,
          color: seriesColor(0),
          text: `${label}: ${mean.toFixed(4)}, ${formatCount(trainable)} numbers`,
          ...(deviation === undefined ? {} : { deviation }),
        })),
        {
          title,
          panels: tasks.length,
          x: 'score',
          rows: labels,
          domain: wider(domainOf(own.flatMap(({ mean, deviation = 0 }) => [mean - deviation, mean + deviation])), 0.05),
          label: `Score of each method, ${title}`,
        },
      ),
    ),
    table: {
      name: 'methods',
      columns: [
        { key: 'task', title: 'task' },
        { key: 'method', title: 'method' },
        { key: 'setting', title: 'best setting' },
        { key: 'settings', title: 'settings tried' },
        { key: 'metric', title: 'metric' },
        { key: 'mean', title: 'mean score', digits: 4 },
        { key: 'deviation', title: 'std. deviation', digits: 4 },
        { key: 'n', title: 'seeds' },
        { key: 'numbers', title: 'numbers trained' },
        { key: 'share', title: '% of the base', digits: 3 },
        { key: 'gain', title: 'points gained', digits: 2 },
        { key: 'gainDeviation', title: 'std. deviation of the gain', digits: 2 },
        { key: 'closed', title: '% of the distance', digits: 0 },
      ],
      rows: found.map(
        ({ task, label, setting, settings, metric, mean, deviation, n, trainable, share, gain, closed }) => ({
          task,
          method: label,
          setting,
          settings,
          metric,
          mean,
          deviation,
          n,
          numbers: trainable,
          share: 100 * share,
          gain: gain === undefined ? undefined : points(gain.mean),
          gainDeviation: gain?.deviation === undefined ? undefined : points(gain.deviation),
          closed: closed === undefined ? undefined : 100 * closed,
        }),
      ),
    },
  };
}

function distanceBlock(found: readonly MethodScore[], means: readonly MethodMean[]): Block {
  const tasks = [...new Set(found.flatMap(({ task, closed }) => (closed === undefined ? [] : [task])))];
  const rows = means.flatMap(({ closed, ...rest }) => (closed === undefined ? [] : [{ ...rest, closed }]));
  const dots = found.flatMap(({ task, label, closed }) =>
    closed === undefined
      ? []
      : [
          {
            row: label,
            x: 100 * closed,
            color: seriesColor(tasks.indexOf(task)),
            text: `${label}, ${task}: ${percent(closed)}`,
          },
        ],
  );
  return {
    title: 'Of the distance to full fine-tuning',
    caption:
      'How far each method goes from the classifier alone, 0, to full fine-tuning, 100 ' +
      `(${count(tasks.length, 'task')}: those on which full fine-tuning is above by more than its seeds differ; ` +
      `means over the seeds that all three have). ${CHOICE}.`,
    legend: tasks.map((text, i) => ({ color: seriesColor(i), text })),
    plots: [
      dotRows(dots, {
        panels: 1,
        x: '% of the distance',
        rows: rows.map(({ label }) => label),
        domain: domainOf(
          dots.map(({ x }) => x),
          0,
          100,
        ),
        label: 'Of the distance between the classifier alone and full fine-tuning',
      }),
    ],
    table: {
      name: 'distance',
      columns: [
        { key: 'method', title: 'method' },
        { key: 'numbers', title: 'numbers trained' },
        { key: 'share', title: '% of the base', digits: 3 },
        { key: 'closed', title: '% of the distance, mean', digits: 0 },
        { key: 'above', title: 'tasks above the classifier alone' },
        { key: 'compared', title: 'tasks compared' },
        ...tasks.map((task) => ({ key: task, title: `${task}, %`, digits: 0 })),
      ],
      rows: rows.map(({ label, trainable, share, closed, above, compared }) => ({
        method: label,
        numbers: trainable,
        share: 100 * share,
        closed: 100 * closed,
        above,
        compared,
        ...Object.fromEntries(tasks.map((task) => [task, closedPercent(found, label, task)])),
      })),
    },
  };
}

function closedPercent(found: readonly MethodScore[], label: string, task: string): number | undefined {
  const closed = found.find((each) => each.label === label && each.task === task)?.closed;
  return closed === undefined ? undefined : 100 * closed;
}
