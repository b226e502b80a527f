import { mean } from 'simple-statistics';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { VECTORS, betweenTasks, type Likeness, type Spread, type VectorName } from '../patterns.js';
import type { Run } from '../runs.js';
import { formatCell, signed, type Block, type Section } from '../table.js';
import { SERIES, boxes, domainOf, heatmap, lines, type LinePoint } from './plots.js';
import { RUN_COLUMNS, countRuns, runCells, tasksOf } from './words.js';

const INTRO =
  'If adapters of different tasks look alike, tasks can share them. Likeness is the cosine similarity of two ' +
  'vectors: 1 when they point the same way, 0 when they have nothing in common. Scales start at 1, so w of any ' +
  'two adapters is alike from the start; w − 1 is what training made of it.';

/** How adapters of different tasks resemble each other, and how their numbers are spread over the layers. */
export function patternsSection(runs: readonly Run[], found: readonly Likeness[], spread: readonly Spread[]): Section {
  const tasks = tasksOf(runs);
  const blocks =
    tasks.length > 1
      ? [betweenBlock(runs, found), byLayerBlock(runs, found)]
      : runs.length > 1
        ? [byLayerBlock(runs, found)]
        : [];
  return {
    id: 'patterns',
    title: 'Tuning patterns',
    intro: INTRO,
    findings: findings(tasks, found),
    blocks: [...blocks, ...spreadBlocks(runs, spread)],
  };
}

const others = (found: readonly Likeness[], vector: VectorName, sameTask: boolean): number[] =>
  found.flatMap((each) =>
    each.vector === vector && each.cosine !== undefined && (each.left.task === each.right.task) === sameTask
      ? [each.cosine]
      : [],
  );

function findings(tasks: readonly string[], found: readonly Likeness[]): string[] {
  const means = (sameTask: boolean): string =>
    VECTORS.flatMap((vector) => {
      const values = others(found, vector, sameTask);
      return values.length === 0 ? [] : [`${vector} ${signed(mean(values), 2)}`];
    }).join(', ');
  const [between, within] = [tasks.length > 1 ? means(false) : '', means(true)];
  return [
    ...(between === '' ? [] : [`Cosine between different tasks, mean over pairs and layers: ${between}.`]),
    ...(within === '' ? [] : [`Between two runs of the same task, for comparison: ${within}.`]),
  ];
}

function betweenBlock(runs: readonly Run[], found: readonly Likeness[]): Block {
  const tasks = tasksOf(runs);
  const cells = VECTORS.flatMap((vector) =>
    tasks.flatMap((left) =>
      tasks.map((right) => ({ vector, left, right, ...betweenTasks(found, vector, left, right) })),
    ),
  );
  return {
    title: 'Between tasks',
    caption:
      'Cosine similarity of the adapters of two tasks, mean over layers' +
      (runs.length > tasks.length
        ? ' and over all pairs of their runs; on the diagonal, between runs of one task'
        : '') +
      `. ${countRuns(runs)}. Read off the adapters, nothing is scored.`,
    plots: VECTORS.map((vector) =>
      heatmap(
        cells
          .filter((cell) => cell.vector === vector)
          .map(({ left, right, cosine }) => ({
            x: right,
            y: left,
            value: cosine,
            text: cosine === undefined ? '' : formatCell(cosine, { digits: 2 }),
          })),
        { title: vector, panels: 3, x: '', y: '', most: 1, label: `Cosine similarity of ${vector} between tasks` },
      ),
    ),
    table: {
      name: 'similarity',
      columns: [
        { key: 'vector', title: 'vector' },
        { key: 'left', title: 'task' },
        { key: 'right', title: 'and task' },
        { key: 'cosine', title: 'cosine', digits: 3 },
        { key: 'pairs', title: 'pairs of runs' },
      ],
      rows: cells
        .filter(({ left, right, pairs }) => pairs > 0 && tasks.indexOf(left) <= tasks.indexOf(right))
        .map((cell) => ({ ...cell })),
    },
  };
}

const STYLES: readonly { readonly series: VectorName; readonly color: string }[] = VECTORS.map((series, i) => ({
  series,
  color: elementAt(SERIES, i),
}));

function byLayerBlock(runs: readonly Run[], found: readonly Likeness[]): Block {
  const kinds = [
    { title: 'different tasks', sameTask: false },
    { title: 'the same task, other runs', sameTask: true },
  ].flatMap(({ title, sameTask }) => {
    const own = found.filter(
      ({ left, right, cosine }) => cosine !== undefined && (left.task === right.task) === sameTask,
    );
    const layers = [...new Set(own.map(({ layer }) => layer))];
    const rows = VECTORS.flatMap((vector) =>
      layers.flatMap((layer) => {
        const values = own.flatMap((each) =>
          each.vector === vector && each.layer === layer ? (each.cosine ?? []) : [],
        );
        return values.length === 0
          ? []
          : [
              {
                kind: title,
                vector,
                layer,
                cosine: mean(values),
                least: Math.min(...values),
                most: Math.max(...values),
                pairs: values.length,
              },
            ];
      }),
    );
    return rows.length === 0 ? [] : [{ title, rows }];
  });
  const points = (
    rows: readonly { readonly layer: number; readonly cosine: number; readonly vector: VectorName }[],
  ): LinePoint[] => rows.map(({ layer, cosine, vector }) => ({ x: layer, y: cosine, series: vector }));
  const domain = domainOf(
    kinds.flatMap(({ rows }) => rows.map(({ cosine }) => cosine)),
    0,
    1,
  );
  return {
    title: 'Likeness by layer',
    caption:
      `Mean cosine similarity over pairs of runs, layer by layer; ${countRuns(runs)}. Runs of one task that differ ` +
      'in their seed show how much of it is chance.',
    legend: STYLES.map(({ series, color }) => ({ color, text: series })),
    plots: kinds.map(({ title, rows }) =>
      lines(points(rows), {
        title,
        panels: kinds.length,
        x: 'layer',
        y: 'cosine',
        styles: STYLES,
        domain,
        label: `Cosine similarity by layer, ${title}`,
      }),
    ),
    table: {
      name: 'similarity-layers',
      columns: [
        { key: 'kind', title: 'runs of' },
        { key: 'vector', title: 'vector' },
        { key: 'layer', title: 'layer' },
        { key: 'cosine', title: 'mean cosine', digits: 3 },
        { key: 'least', title: 'least', digits: 3 },
        { key: 'most', title: 'most', digits: 3 },
        { key: 'pairs', title: 'pairs' },
      ],
      rows: kinds.flatMap(({ rows }) => rows),
    },
    long: true,
  };
}

function spreadBlocks(runs: readonly Run[], spread: readonly Spread[]): Block[] {
  const tasks = tasksOf(runs);
  // One run stands for its task: boxes of several would hide each other.
  const shown = tasks.map((task) => present(runs.find((run) => run.task === task)));
  return (['w', 'b'] as const).map((vector): Block => {
    const own = spread.filter((each) => each.vector === vector);
    const domain = domainOf(
      own.filter(({ run }) => shown.includes(run)).flatMap(({ q05, q95 }) => [q05, q95]),
      vector === 'w' ? 1 : 0,
    );
    return {
      title: `Distribution of ${vector} by layer`,
      caption:
        'The numbers of each layer: line at the median, box from the first to the third quarter, whisker over the ' +
        `middle 90 %; dashed where training started (${vector === 'w' ? 1 : 0}). ` +
        `${runs.length > tasks.length ? 'The first run of each task is drawn, the table has all.' : ''} ` +
        `${countRuns(runs)}.`,
      plots: shown.map((run) =>
        boxes(
          own.filter((each) => each.run === run).map(({ layer, ...rest }) => ({ x: layer, ...rest })),
          {
            title: run.task,
            panels: shown.length,
            x: 'layer',
            y: vector,
            domain,
            rule: vector === 'w' ? 1 : 0,
            color: SERIES[vector === 'w' ? 0 : 2],
            label: `Distribution of ${vector} by layer, ${run.name}`,
          },
        ),
      ),
      table: {
        name: `distribution-${vector}`,
        columns: [
          ...RUN_COLUMNS,
          { key: 'layer', title: 'layer' },
          ...(['mean', 'deviation', 'least', 'q05', 'q25', 'median', 'q75', 'q95', 'most'] as const).map((key) => ({
            key,
            title: key === 'deviation' ? 'std. deviation' : key.replace(/^q0?(\d+)$/, '$1 %'),
            digits: 4,
          })),
        ],
        rows: own.map(({ run, layer, mean: average, deviation, least, q05, q25, median, q75, q95, most }) => ({
          ...runCells(run),
          layer,
          mean: average,
          deviation,
          least,
          q05,
          q25,
          median,
          q75,
          q95,
          most,
        })),
      },
      long: true,
    };
  });
}
