import { formatCount } from '@hadamard-adapter/core';
import { mean } from 'simple-statistics';
import type { CrossScore, RankScore, SharingAnalysis, Variant } from '../sharing.js';
import { count, formatCell, losesPoints, points, type Block, type Section } from '../table.js';
import { domainOf, dotRows, heatmap, lines, seriesColor, wider, type LinePoint } from './plots.js';
import { VARIANT_NAMES } from './words.js';

const INTRO =
  'Several tasks on one model could share one adapter and keep a classifier each. Here adapters that were ' +
  'trained one by one are averaged, exchanged, or put together from few common vectors, and on request one is ' +
  'trained for all tasks together; always scored with the classifier of each task.';

/** What sharing costs in score, and what it saves in numbers. */
export function sharingSection(found: SharingAnalysis): Section {
  return {
    id: 'sharing',
    title: 'Shared adapters',
    intro: INTRO,
    findings: findings(found),
    blocks: [sharedBlock(found), crossBlock(found), rankBlock(found)],
  };
}

const ownScore = ({ shared }: SharingAnalysis, task: string): number =>
  shared.find((each) => each.task === task && each.variant === 'own')?.score ?? 0;

const lostTo = (found: SharingAnalysis, { task, score }: { readonly task: string; readonly score: number }): number =>
  points(ownScore(found, task) - score);

const saved = ({ numbers }: SharingAnalysis, needed: number): number => 100 * (1 - needed / numbers.own);

function findings(found: SharingAnalysis): string[] {
  const loses = (variant: Variant): string =>
    losesPoints(mean(found.shared.filter((each) => each.variant === variant).map((each) => lostTo(found, each))));
  const { numbers, scorers } = found;
  return [
    ...(found.variants.includes('joint')
      ? [
          `One adapter trained for all ${count(scorers.length, 'task')} together ${loses('joint')} on average ` +
            'against one for each.',
        ]
      : []),
    `One mean adapter for ${count(scorers.length, 'task')} ${loses('mean')} on average and saves ` +
      `${saved(found, numbers.mean).toFixed(0)} % of the numbers; no adapter at all ${loses('none')}.`,
    `Sharing the scales alone ${loses('scale')} and saves ${saved(found, numbers.scale).toFixed(0)} %.`,
  ];
}

/** Rows and metrics of the tasks, as captions need them. */
function scoredOn({ scorers }: SharingAnalysis): string {
  return scorers
    .map(({ run, split, metric }) => `${run.name} (${metric.main}, ${count(split.size, 'row')})`)
    .join(', ');
}

function sharedBlock(found: SharingAnalysis): Block {
  const { shared, numbers, scorers, variants } = found;
  const tasks = scorers.map(({ run }) => run.task);
  const dots = shared.map(({ task, variant, score }) => ({
    row: VARIANT_NAMES[variant],
    x: -lostTo(found, { task, score }),
    color: seriesColor(tasks.indexOf(task)),
    text: `${task}: ${score.toFixed(4)}`,
  }));
  return {
    title: 'One adapter for several tasks',
    caption:
      'Points that each task gains or loses against an adapter of its own, when the adapter is shared more or less ' +
      `and the classifier is its own; of each task one run: ${scoredOn(found)}. The table counts the numbers of ` +
      `all ${count(scorers.length, 'task')} together, without classifiers.`,
    legend: tasks.map((text, i) => ({ color: seriesColor(i), text })),
    plots: [
      dotRows(dots, {
        panels: 1,
        x: 'points against an adapter of its own',
        rows: variants.map((variant) => VARIANT_NAMES[variant]),
        domain: wider(
          domainOf(
            dots.map(({ x }) => x),
            0,
          ),
          2,
        ),
        label: 'Points that tasks lose with shared adapters',
      }),
    ],
    table: {
      name: 'sharing',
      columns: [
        { key: 'task', title: 'task' },
        { key: 'variant', title: 'adapter' },
        { key: 'score', title: 'score', digits: 4 },
        { key: 'lost', title: 'points lost', digits: 2 },
        { key: 'loss', title: 'loss', digits: 4 },
        { key: 'numbers', title: 'numbers, all tasks' },
        { key: 'saved', title: 'saved %', digits: 1 },
      ],
      rows: shared.map(({ task, variant, score, loss }) => ({
        task,
        variant: VARIANT_NAMES[variant],
        score,
        lost: lostTo(found, { task, score }),
        loss,
        numbers: numbers[variant],
        saved: saved(found, numbers[variant]),
      })),
    },
  };
}

function crossBlock(found: SharingAnalysis): Block {
  const { cross } = found;
  const lost = ({ on, score }: CrossScore): number => lostTo(found, { task: on, score });
  return {
    title: 'The adapter of one task for another',
    caption:
      'Points that a task (row) loses with the adapter and norms of another task (column) and its own classifier. ' +
      `Blue is a loss, orange a gain. Scored on ${scoredOn(found)}.`,
    plots: [
      heatmap(
        cross.map((each) => ({
          x: each.from,
          y: each.on,
          value: lost(each),
          text: formatCell(lost(each), { digits: 1 }),
        })),
        {
          panels: 1,
          x: 'adapter of',
          y: '',
          most: Math.max(1, ...cross.map((each) => Math.abs(lost(each)))),
          label: 'Points lost with the adapter of another task',
        },
      ),
    ],
    table: {
      name: 'cross',
      columns: [
        { key: 'on', title: 'task' },
        { key: 'from', title: 'adapter of' },
        { key: 'score', title: 'score', digits: 4 },
        { key: 'lost', title: 'points lost', digits: 2 },
        { key: 'loss', title: 'loss', digits: 4 },
      ],
      rows: cross.map((each) => ({
        on: each.on,
        from: each.from,
        score: each.score,
        lost: lost(each),
        loss: each.loss,
      })),
    },
  };
}

const KINDS: readonly RankScore['kind'][] = ['whole', 'by layer'];

function rankBlock(found: SharingAnalysis): Block {
  const { ranks, rankScores, scorers, shared } = found;
  const tasks = scorers.map(({ run }) => run.task);
  // The ends of the path are known: no vector is no adapter, as many as tasks are the adapters themselves.
  const scoreOf = (kind: RankScore['kind'], rank: number, task: string): number | undefined =>
    rank === tasks.length
      ? ownScore(found, task)
      : rank === 0
        ? shared.find((each) => each.task === task && each.variant === 'none')?.score
        : rankScores.find((each) => each.kind === kind && each.rank === rank && each.task === task)?.score;
  const values = (kind: RankScore['kind']): LinePoint[] =>
    tasks.flatMap((task) =>
      Array.from({ length: tasks.length + 1 }, (_, rank) => ({
        x: rank,
        y: -lostTo(found, { task, score: scoreOf(kind, rank, task) ?? 0 }),
        series: task,
      })),
    );
  const domain = wider(
    domainOf(
      KINDS.flatMap((kind) => values(kind).map(({ y }) => y)),
      0,
    ),
    2,
  );
  return {
    title: 'Adapters from few common vectors',
    caption:
      `What training changed (w − 1, b, and the difference of the norms) of all ${count(tasks.length, 'task')}, ` +
      'stacked and rebuilt from the first r vectors of their singular value decomposition: one basis for whole ' +
      `adapters, or one for each layer. 0 is the bare model, ${tasks.length} is every adapter itself. Points ` +
      `against the task's own adapter; scored on ${scoredOn(found)}. A basis takes r times the numbers of one ` +
      `adapter (${formatCount(found.numbers.mean)}), and r coordinates for each task.`,
    legend: tasks.map((text, i) => ({ color: seriesColor(i), text })),
    plots: KINDS.map((kind) =>
      lines(values(kind), {
        title: kind === 'whole' ? 'one basis' : 'a basis for each layer',
        panels: 2,
        x: 'vectors',
        y: 'points',
        styles: tasks.map((series, i) => ({ series, color: seriesColor(i) })),
        domain,
        label: `Score of adapters rebuilt from a basis, ${kind}`,
      }),
    ),
    table: {
      name: 'basis',
      columns: [
        { key: 'kind', title: 'basis' },
        { key: 'rank', title: 'vectors' },
        { key: 'held', title: 'held %', digits: 1 },
        { key: 'numbers', title: 'numbers, all tasks' },
        { key: 'saved', title: 'saved %', digits: 1 },
        ...tasks.map((task) => ({ key: task, title: task, digits: 4 })),
      ],
      rows: ranks.map(({ kind, rank, held, numbers }) => ({
        kind,
        rank,
        held: 100 * held,
        numbers,
        saved: saved(found, numbers),
        ...Object.fromEntries(tasks.map((task) => [task, scoreOf(kind, rank, task)])),
      })),
    },
  };
}
