import { groupBy } from '../../group-by.js';
import { FACTORS, spanOf, type Factor, type SensitivityPoint } from '../sensitivity.js';
import { points, type Block, type Section } from '../table.js';
import { domainOf, lines, seriesColor, wider, type LinePoint } from './plots.js';

const INTRO =
  'How much the score depends on what training is set to. Each line joins runs that differ in one setting only, ' +
  'and in their seeds.';

/** What learning rate, batch size and epochs of each stage do to the score. */
export function sensitivitySection(found: readonly SensitivityPoint[]): Section {
  const factors = [...new Set(found.map(({ factor }) => factor))];
  const spans = factors
    .map((factor) => ({ factor, span: points(spanOf(found, factor) ?? 0) }))
    .toSorted((a, b) => b.span - a.span);
  return {
    id: 'sensitivity',
    title: 'Sensitivity',
    intro: INTRO,
    findings: spans.map(
      ({ factor, span }) =>
        `${capital(FACTORS[factor])}: ${span.toFixed(1)} points between the best and the worst value tried, ` +
        'other settings alike.',
    ),
    blocks: factors.map((factor) => factorBlock(found, factor)),
  };
}

function factorBlock(all: readonly SensitivityPoint[], factor: Factor): Block {
  const found = all.filter((each) => each.factor === factor);
  const methods = [...new Set(found.map(({ method }) => method))];
  const tasks = [...groupBy(found, ({ task, metric }) => `${task}, ${metric}`)];
  const styles = methods.map((series, i) => ({ series, color: seriesColor(i) }));
  const values = found.map(({ value }) => value);
  const wide = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 8;
  const slices = new Set(found.map(({ slice }) => slice)).size;
  return {
    title: capital(FACTORS[factor]),
    caption:
      'Mean score over seeds, whiskers of one sample standard deviation ' +
      `(${seedsText(found)}).${slices > 1 ? ' A line for each combination of the other settings.' : ''} Scores are ` +
      'those that the runs of the sweep ended with.',
    legend: styles.map(({ series, color }) => ({ color, text: series })),
    plots: tasks.map(([title, own]) =>
      lines(
        own.map(({ value, mean, deviation, method, slice }): LinePoint => ({
          x: value,
          y: mean,
          series: method,
          line: slice,
          ...(deviation === undefined ? {} : { deviation }),
        })),
        {
          title,
          panels: tasks.length,
          x: FACTORS[factor],
          y: 'score',
          styles,
          domain: wider(domainOf(own.flatMap(({ mean, deviation = 0 }) => [mean - deviation, mean + deviation])), 0.05),
          xScale: {
            type: wide ? 'log' : 'linear',
            values: [...new Set(own.map(({ value }) => value))].toSorted((a, b) => a - b),
          },
          label: `Score against ${FACTORS[factor]}, ${title}`,
        },
      ),
    ),
    table: {
      name: `sensitivity-${NAMES[factor]}`,
      columns: [
        { key: 'task', title: 'task' },
        { key: 'method', title: 'method' },
        { key: 'slice', title: 'other settings' },
        { key: 'value', title: FACTORS[factor] },
        { key: 'mean', title: 'mean score', digits: 4 },
        { key: 'deviation', title: 'std. deviation', digits: 4 },
        { key: 'n', title: 'seeds' },
      ],
      rows: found.map(({ task, method, slice, value, mean, deviation, n }) => ({
        task,
        method,
        slice,
        value,
        mean,
        deviation,
        n,
      })),
    },
  };
}

/** Ends of file names. */
const NAMES: Readonly<Record<Factor, string>> = {
  lr: 'lr',
  epochs: 'epochs',
  classifierLr: 'classifier-lr',
  classifierEpochs: 'classifier-epochs',
  batchSize: 'batch-size',
};

function seedsText(found: readonly SensitivityPoint[]): string {
  const [least, most] = [Math.min(...found.map(({ n }) => n)), Math.max(...found.map(({ n }) => n))];
  return least === most ? `${most} ${most === 1 ? 'seed' : 'seeds'} each` : `${least} to ${most} seeds each`;
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
