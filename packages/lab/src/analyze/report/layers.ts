import type { CurvePoint } from '@hadamard-adapter/core/analysis';
import { mean } from 'simple-statistics';
import { elementAt, keysOf, present } from '@hadamard-adapter/core/internal';
import { ORDERS, PREDICTORS, type LayerAnalysis, type LayerSigns, type Order } from '../layers.js';
import type { Run } from '../runs.js';
import { count, points, signed, type Block, type Section } from '../table.js';
import { SERIES, bars, domainOf, dotRows, lines, wider, type LinePoint, type LineStyle } from './plots.js';
import { ORDER_NAMES, PREDICTOR_NAMES, RUN_COLUMNS, countRows, countRuns, runCells, tasksOf } from './words.js';

const INTRO =
  'Not every layer needs its adapter: those whose adapter can go without loss are redundant, and dropping them ' +
  "makes the adapter smaller still. A layer that is dropped is the base model's again: w = 1, b = 0, and its " +
  'trained norm as it was before.';

/**
 * Which layers can go: what each is worth, in what order they go best, and whether that can be told without scoring.
 */
export function layersSection(
  signs: ReadonlyMap<Run, readonly LayerSigns[]>,
  found: readonly LayerAnalysis[],
  budget: number,
): Section {
  const blocks =
    found.length === 0
      ? []
      : [worthBlock(found), curveBlock(found), smallestBlock(found, budget), agreementBlock(found)];
  return {
    id: 'layers',
    title: 'Redundant layers',
    intro: INTRO,
    findings: findings(found, budget),
    blocks: [...blocks, signsBlock(signs, found)],
  };
}

const ofTask = (found: readonly LayerAnalysis[], task: string): LayerAnalysis[] =>
  found.filter(({ run }) => run.task === task);

function findings(found: readonly LayerAnalysis[], budget: number): string[] {
  if (found.length === 0) return [];
  const tasks = tasksOf(found.map(({ run }) => run));
  const smallest = tasks.map((task) => {
    const own = ofTask(found, task);
    const enough = own.map(({ smallest: { kept } }) => kept.length).toSorted((a, b) => a - b);
    const [least, most] = [elementAt(enough, 0), present(enough.at(-1))];
    const brings = mean(own.map(({ full, bare }) => points(full.score - bare.score)));
    const scope = own.length === 1 ? '' : ` (${count(own.length, 'run')})`;
    return (
      `${task}${scope}: ${least === most ? most : `${least} to ${most}`} of ` +
      `${own[0]?.run.adapter.config.layers.length ?? 0} layers ${most === 1 ? 'is' : 'are'} enough within ` +
      `${points(budget)} points. The whole adapter brings ${signed(brings, 1)} points over the classifier ` +
      `alone${brings <= points(budget) ? ', no more than the budget: here almost any layer can go' : ''}.`
    );
  });
  const best = PREDICTORS.map((predictor) => ({
    predictor,
    spearman: mean(
      found.map(({ agreement }) => agreement.find((each) => each.predictor === predictor)?.score.spearman ?? 0),
    ),
  })).toSorted((a, b) => b.spearman - a.spearman)[0];
  return [
    ...smallest,
    ...(best === undefined
      ? []
      : [
          `Of the cheap predictors ${PREDICTOR_NAMES[best.predictor]} ranks the layers most like their loss of ` +
            `score: Spearman ${signed(best.spearman, 2)}, mean over ${count(found.length, 'run')}.`,
        ]),
  ];
}

function worthBlock(found: readonly LayerAnalysis[]): Block {
  const tasks = tasksOf(found.map(({ run }) => run));
  const domain = wider(
    domainOf(
      found.flatMap(({ leftOut }) => leftOut.map(({ lost }) => points(lost))),
      0,
    ),
    1,
  );
  const shown = found.length > tasks.length ? '; bars are means over the runs of a task, dots are single runs' : '';
  return {
    title: 'What each layer is worth',
    caption:
      'Points of score that are lost when the adapter of one layer is dropped and all others stay. Below 0 the ' +
      `model is better without it. Scored on ${countRows(found.map(({ rows }) => rows))} for each task; ` +
      `${countRuns(found.map(({ run }) => run))}${shown}. ` +
      `${resolution(found)}`,
    plots: tasks.map((task) =>
      bars(
        ofTask(found, task).flatMap(({ leftOut }) => leftOut.map(({ layer, lost }) => ({ x: layer, y: points(lost) }))),
        {
          title: task,
          panels: tasks.length,
          x: 'layer',
          y: 'points lost',
          domain,
          label: `Points lost without each layer, ${task}`,
        },
      ),
    ),
    table: {
      name: 'layers',
      columns: [
        ...RUN_COLUMNS,
        { key: 'layer', title: 'layer' },
        { key: 'score', title: 'score without', digits: 4 },
        { key: 'lost', title: 'points lost', digits: 2 },
        { key: 'loss', title: 'loss without', digits: 4 },
        { key: 'lossRise', title: 'loss rises by', digits: 4 },
      ],
      rows: found.flatMap(({ run, leftOut }) =>
        leftOut.map(({ layer, score, lost, loss, lossRise }) => ({
          ...runCells(run),
          layer,
          score,
          lost: points(lost),
          loss,
          lossRise,
        })),
      ),
    },
  };
}

/** What a single row is worth: differences below it mean nothing. */
function resolution(found: readonly LayerAnalysis[]): string {
  const least = Math.min(...found.map(({ rows }) => rows));
  return (
    `One answer more or less on ${count(least, 'row')} is ${(100 / least).toFixed(2)} points of accuracy: ` +
    'differences of a few answers are chance.'
  );
}

const STYLES: Readonly<Record<Order, Omit<LineStyle, 'series'>>> = {
  lowest: { color: SERIES[5], dash: '2 3' },
  gradient: { color: SERIES[3] },
  shift: { color: SERIES[2] },
  scale: { color: SERIES[1] },
  elimination: { color: SERIES[0], width: 3 },
};

function curveBlock(found: readonly LayerAnalysis[]): Block {
  const tasks = tasksOf(found.map(({ run }) => run));
  const drawn = keysOf(STYLES);
  const styles = drawn.map((order): LineStyle => ({ series: ORDER_NAMES[order], ...STYLES[order] }));
  return {
    title: 'Score against layers',
    caption:
      'Score with fewer and fewer layers, from all of them on the left to the bare model with its classifier on ' +
      'the right. Greedy elimination drops in each round the layer whose absence costs least; the other orders are ' +
      'fixed before anything is scored. A predictor is good when its line stays near that of elimination. Scored ' +
      `on ${countRows(found.map(({ rows }) => rows))} for each ` +
      `task${found.length > tasks.length ? '; means over the runs of a task' : ''}; ` +
      `${countRuns(found.map(({ run }) => run))}.`,
    legend: ORDERS.map((order) => ({ color: STYLES[order].color, text: ORDER_NAMES[order] })),
    plots: tasks.map((task) => {
      const own = ofTask(found, task);
      const all = meanCurves(own);
      return lines(all, {
        title: `${task}, ${own[0]?.metric ?? ''}`,
        panels: tasks.length,
        x: 'layers with an adapter',
        y: 'score',
        styles,
        domain: wider(domainOf(all.map(({ y }) => y)), 0.02),
        xScale: { reverse: true },
        label: `Score against number of layers, ${task}`,
      });
    }),
    table: {
      name: 'curve',
      columns: [
        ...RUN_COLUMNS,
        { key: 'order', title: 'order' },
        { key: 'layers', title: 'layers' },
        { key: 'removed', title: 'dropped last' },
        { key: 'kept', title: 'kept' },
        { key: 'score', title: 'score', digits: 4 },
        { key: 'loss', title: 'loss', digits: 4 },
        { key: 'numbers', title: 'numbers' },
      ],
      rows: found.flatMap(({ run, curves, numbers }) =>
        curves.flatMap(({ order, points: curve }) =>
          curve.map(({ kept, removed, score, loss }) => ({
            ...runCells(run),
            order: ORDER_NAMES[order],
            layers: kept.length,
            removed,
            kept: kept.join(' '),
            score,
            loss,
            numbers: numbers(kept),
          })),
        ),
      ),
    },
    long: true,
  };
}

/** Means over the runs of a task, where they have the same number of layers. */
function meanCurves(own: readonly LayerAnalysis[]): LinePoint[] {
  return ORDERS.flatMap((order) => {
    const curves = own.map(({ curves: all }) => all.find((each) => each.order === order)?.points ?? []);
    const sizes = [...new Set(curves.flatMap((curve) => curve.map(({ kept }) => kept.length)))];
    return sizes.map((size) => ({
      x: size,
      y: mean(curves.flatMap((curve) => curve.flatMap(({ kept, score }) => (kept.length === size ? [score] : [])))),
      series: ORDER_NAMES[order],
    }));
  });
}

function smallestBlock(found: readonly LayerAnalysis[], budget: number): Block {
  return {
    title: `The smallest adapter within ${points(budget)} points`,
    caption:
      `The fewest layers on the path of greedy elimination whose score is at most ${points(budget)} points below ` +
      'that of all layers. Chosen and scored on the same rows, so on new data it may lose a little more. Numbers ' +
      'are those of stage two, norms included.',
    table: {
      name: 'elimination',
      columns: [
        ...RUN_COLUMNS,
        { key: 'rows', title: 'rows' },
        { key: 'metric', title: 'metric' },
        { key: 'full', title: 'all layers', digits: 4 },
        { key: 'bare', title: 'no layer', digits: 4 },
        { key: 'order', title: 'dropped in this order' },
        { key: 'kept', title: 'kept' },
        { key: 'score', title: 'score', digits: 4 },
        { key: 'lost', title: 'points lost', digits: 2 },
        { key: 'numbers', title: 'numbers' },
        { key: 'of', title: 'of' },
      ],
      rows: found.map(({ run, rows, metric, full, bare, curves, smallest, numbers }) => ({
        ...runCells(run),
        rows,
        metric,
        full: full.score,
        bare: bare.score,
        order: orderOf(curves.find(({ order }) => order === 'elimination')?.points ?? []),
        kept: smallest.kept.join(' '),
        score: smallest.score,
        lost: points(full.score - smallest.score),
        numbers: numbers(smallest.kept),
        of: numbers(run.adapter.config.layers),
      })),
    },
  };
}

const orderOf = (curve: readonly CurvePoint[]): string => curve.flatMap(({ removed }) => removed ?? []).join(' ');

function agreementBlock(found: readonly LayerAnalysis[]): Block {
  const rows = found.flatMap(({ run, agreement }) =>
    agreement.map(({ predictor, score, loss }) => ({ run, predictor, score, loss })),
  );
  const colors = new Map(
    tasksOf(found.map(({ run }) => run)).map((task, i) => [task, elementAt(SERIES, i % SERIES.length)]),
  );
  return {
    title: 'Do cheap predictors agree?',
    caption:
      'Rank correlation of each predictor with the points that are lost without a layer: 1 is the same order, 0 ' +
      `none, −1 the opposite. ${byChance(found)} A dot for each run: ${countRuns(found.map(({ run }) => run))}.`,
    legend: [...colors].map(([text, color]) => ({ color, text })),
    plots: [
      dotRows(
        rows.map(({ run, predictor, score }) => ({
          row: PREDICTOR_NAMES[predictor],
          x: score.spearman,
          color: present(colors.get(run.task)),
          text: `${run.name}: ${score.spearman.toFixed(2)}`,
        })),
        {
          panels: 1,
          x: 'Spearman',
          rows: PREDICTORS.map((predictor) => PREDICTOR_NAMES[predictor]),
          domain: [-1, 1],
          label: 'Rank agreement of predictors',
        },
      ),
    ],
    table: {
      name: 'agreement',
      columns: [
        ...RUN_COLUMNS,
        { key: 'predictor', title: 'predictor' },
        { key: 'spearman', title: 'Spearman, score', digits: 2 },
        { key: 'kendall', title: 'Kendall, score', digits: 2 },
        { key: 'lossSpearman', title: 'Spearman, loss', digits: 2 },
        { key: 'lossKendall', title: 'Kendall, loss', digits: 2 },
      ],
      rows: rows.map(({ run, predictor, score, loss }) => ({
        ...runCells(run),
        predictor: PREDICTOR_NAMES[predictor],
        spearman: score.spearman,
        kendall: score.kendall,
        lossSpearman: loss.spearman,
        lossKendall: loss.kendall,
      })),
    },
  };
}

/** How far rank correlations of things that have nothing to do with each other spread. */
function byChance(found: readonly LayerAnalysis[]): string {
  const layers = Math.max(2, ...found.map(({ run }) => run.adapter.config.layers.length));
  return (
    `Of ${count(layers, 'layer')} in no order at all it is spread around 0 with a standard deviation of ` +
    `${(1 / Math.sqrt(layers - 1)).toFixed(2)}.`
  );
}

function signsBlock(signs: ReadonlyMap<Run, readonly LayerSigns[]>, found: readonly LayerAnalysis[]): Block {
  const runs = [...signs.keys()];
  const tasks = tasksOf(runs);
  const panels = (['scale', 'shift'] as const).map((predictor) => {
    const values = runs.flatMap((run) =>
      (signs.get(run) ?? []).map((each): LinePoint => ({
        x: each.layer,
        y: each[predictor],
        series: run.task,
        line: run.name,
      })),
    );
    return lines(values, {
      title: PREDICTOR_NAMES[predictor],
      panels: 2,
      x: 'layer',
      y: PREDICTOR_NAMES[predictor],
      styles: tasks.map((task, i) => ({ series: task, color: elementAt(SERIES, i % SERIES.length) })),
      domain: domainOf(
        values.map(({ y }) => y),
        0,
      ),
      label: `${PREDICTOR_NAMES[predictor]} by layer`,
    });
  });
  const gradients = new Map(
    found.map(({ run, signs: own }) => [run, new Map(own.map(({ layer, gradient }) => [layer, gradient]))]),
  );
  return {
    title: 'How far each layer has moved',
    caption:
      'Mean distance of the scales from 1 and of the shifts from 0, which is where they start; a line for each ' +
      `run, ${countRuns(runs)}. Read off the adapters, nothing is scored. The gradient norm in the table is that ` +
      'of the loss with respect to w and b where stage two begins (w = 1, b = 0): at the trained adapter it would ' +
      'be near 0 everywhere.',
    legend: tasks.map((task, i) => ({ color: elementAt(SERIES, i % SERIES.length), text: task })),
    plots: panels,
    table: {
      name: 'predictors',
      columns: [
        ...RUN_COLUMNS,
        { key: 'layer', title: 'layer' },
        { key: 'scale', title: 'mean |w − 1|' },
        { key: 'shift', title: 'mean |b|' },
        { key: 'gradient', title: 'gradient norm' },
      ],
      rows: runs.flatMap((run) =>
        (signs.get(run) ?? []).map(({ layer, scale, shift }) => ({
          ...runCells(run),
          layer,
          scale,
          shift,
          gradient: gradients.get(run)?.get(layer),
        })),
      ),
    },
    long: found.length > 0,
  };
}
