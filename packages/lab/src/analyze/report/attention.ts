import { mean } from 'simple-statistics';
import type { AttentionAnalysis, HeadChange } from '../attention.js';
import { count, formatCell, type Block, type Section } from '../table.js';
import { SERIES, bars, domainOf, heatmap, lines, type LinePoint } from './plots.js';
import { RUN_COLUMNS, runCells } from './words.js';

const INTRO =
  'The adapter acts on the attention outputs, so what it does is seen there: their lengths (Euclidean norms) ' +
  "before and after, layer by layer and head by head. It is the paper's first research question, how " +
  'self-attention outputs change by tuning, asked of adapters.';

const LENGTHS = [
  { series: 'bare model', color: SERIES[5], dash: '4 3' },
  { series: 'before the adapter', color: SERIES[0] },
  { series: 'after the adapter', color: SERIES[1] },
] as const;

const OF = {
  'bare model': 'untuned',
  'before the adapter': 'before',
  'after the adapter': 'after',
} as const satisfies Record<string, keyof HeadChange>;

/** What adapters do to attention outputs. */
export function attentionSection(found: readonly AttentionAnalysis[]): Section {
  return {
    id: 'attention',
    title: 'Attention outputs',
    intro: INTRO,
    findings: found.map(finding),
    blocks: [layersBlock(found), movedBlock(found), headsBlock(found)],
  };
}

/** Percent by which an output is longer behind the adapter than in front of it. */
const longer = ({ before, after }: HeadChange): number => 100 * (after / before - 1);

/** The way that it is moved, in percent of its length. */
const moved = ({ before, change }: HeadChange): number => (100 * change) / before;

/** Places in their order; a decoder has two in some layers. */
const placesOf = ({ changes }: AttentionAnalysis): string[] => [...new Set(changes.map(({ key }) => key))];

const meanAt = ({ changes }: AttentionAnalysis, key: string, of: (change: HeadChange) => number): number =>
  mean(changes.filter((change) => change.key === key).map(of));

function finding(found: AttentionAnalysis): string {
  const places = placesOf(found).map((key) => ({ key, by: meanAt(found, key, moved) }));
  const most = places.toSorted((a, b) => b.by - a.by)[0];
  const length = mean(found.changes.map(longer));
  return (
    `${found.run.task}: adapters move attention outputs by ${mean(places.map(({ by }) => by)).toFixed(1)} % of ` +
    `their length (mean over layers and heads), most in ${most?.key ?? ''} (${(most?.by ?? 0).toFixed(1)} %); the ` +
    `length itself ${length < 0 ? 'falls' : 'rises'} by ${Math.abs(length).toFixed(1)} %.`
  );
}

const looked = (found: readonly AttentionAnalysis[]): string =>
  found.map(({ run, rows, tokens }) => `${run.name} (${count(tokens, 'token')} of ${count(rows, 'row')})`).join(', ');

const COLUMNS = [
  { key: 'untuned', title: 'bare model', digits: 3 },
  { key: 'before', title: 'before', digits: 3 },
  { key: 'after', title: 'after', digits: 3 },
  { key: 'longer', title: 'longer by %', digits: 2 },
] as const;

const MOVED = { key: 'moved', title: 'moved by %', digits: 2 } as const;

function layersBlock(found: readonly AttentionAnalysis[]): Block {
  const values = found.map((each) =>
    placesOf(each).flatMap((key, x) =>
      LENGTHS.map(({ series }): LinePoint => ({ x, y: meanAt(each, key, (change) => change[OF[series]]), series })),
    ),
  );
  const domain = domainOf(
    values.flat().map(({ y }) => y),
    0,
  );
  return {
    title: 'Lengths by layer',
    caption:
      `Mean length of a head's attention output on the bare model, in front of the adapter and behind it, over ` +
      'heads and unmasked tokens. "Before" differs from the bare model where the layers below were tuned. ' +
      `${looked(found)}.`,
    legend: LENGTHS.map(({ series, color }) => ({ color, text: series })),
    plots: found.map((each, i) =>
      lines(values[i] ?? [], {
        title: each.run.task,
        panels: found.length,
        x: 'layer',
        y: 'length',
        styles: LENGTHS,
        domain,
        label: `Lengths of attention outputs by layer, ${each.run.task}`,
      }),
    ),
    table: {
      name: 'attention-layers',
      columns: [...RUN_COLUMNS, { key: 'place', title: 'place' }, ...COLUMNS],
      rows: found.flatMap((each) =>
        placesOf(each).map((key) => ({
          ...runCells(each.run),
          place: key,
          untuned: meanAt(each, key, ({ untuned }) => untuned),
          before: meanAt(each, key, ({ before }) => before),
          after: meanAt(each, key, ({ after }) => after),
          longer: meanAt(each, key, longer),
        })),
      ),
    },
  };
}

function movedBlock(found: readonly AttentionAnalysis[]): Block {
  const values = found.map((each) => placesOf(each).map((key, x) => ({ x, y: meanAt(each, key, moved) })));
  const domain = domainOf(
    values.flat().map(({ y }) => y),
    0,
  );
  return {
    title: 'How far they are moved',
    caption:
      'Distance between the attention output behind the adapter and in front of it, in percent of its length: an ' +
      `output that is turned may be as long as before. Means over heads and unmasked tokens. ${looked(found)}.`,
    plots: found.map((each, i) =>
      bars(values[i] ?? [], {
        title: each.run.task,
        panels: found.length,
        x: 'layer',
        y: '% of the length',
        domain,
        label: `How far attention outputs are moved by layer, ${each.run.task}`,
      }),
    ),
    table: {
      name: 'attention-moved',
      columns: [...RUN_COLUMNS, { key: 'place', title: 'place' }, MOVED],
      rows: found.flatMap((each) =>
        placesOf(each).map((key) => ({ ...runCells(each.run), place: key, moved: meanAt(each, key, moved) })),
      ),
    },
  };
}

function headsBlock(found: readonly AttentionAnalysis[]): Block {
  const most = Math.max(...found.flatMap(({ changes }) => changes.map((change) => Math.abs(longer(change)))));
  const digits = most < 10 ? 1 : 0;
  return {
    title: 'Lengths by layer and head',
    caption:
      'By how many percent the adapter lengthens (blue) or shortens (orange) the attention output of each head, ' +
      'mean over unmasked tokens; layers are rows, heads columns. ' +
      (found.some(({ heads }) => heads === 1)
        ? 'Behind the output projection heads are mixed and stand as one. '
        : '') +
      `${looked(found)}.`,
    plots: found.map((each) =>
      heatmap(
        each.changes.map((change) => ({
          x: change.head,
          y: placeName(change),
          value: longer(change),
          text: formatCell(longer(change), { digits }),
        })),
        {
          title: each.run.task,
          panels: found.length,
          x: 'head',
          y: 'layer',
          most,
          label: `Change of length by layer and head, ${each.run.task}`,
        },
      ),
    ),
    table: {
      name: 'attention',
      columns: [...RUN_COLUMNS, { key: 'place', title: 'place' }, { key: 'head', title: 'head' }, ...COLUMNS, MOVED],
      rows: found.flatMap(({ run, changes }) =>
        changes.map((change) => ({
          ...runCells(run),
          place: change.key,
          head: change.head,
          untuned: change.untuned,
          before: change.before,
          after: change.after,
          longer: longer(change),
          moved: moved(change),
        })),
      ),
    },
    long: true,
  };
}

/** `3` in an encoder, the whole name where layers have several places. */
const placeName = ({ key }: HeadChange): string => key.replace(/^layer\./, '');
