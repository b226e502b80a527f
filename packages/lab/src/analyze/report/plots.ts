import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { mean } from 'simple-statistics';
import { elementAt } from '@hadamard-adapter/core/internal';

/** Colours are custom properties of the page, so that a plot follows light and dark. */
export const SERIES = [
  'var(--series-1)',
  'var(--series-2)',
  'var(--series-3)',
  'var(--series-4)',
  'var(--series-5)',
  'var(--series-6)',
  'var(--series-7)',
  'var(--series-8)',
] as const;

export const seriesColor = (index: number): string => elementAt(SERIES, index % SERIES.length);

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** Width of a plot by itself, and of one of several side by side. */
const widthOf = (panels: number): number => (panels > 1 ? 340 : 640);

interface PanelOptions {
  /** Over the plot; several plots of one figure tell themselves apart by it. */
  readonly title?: string;
  /** How many plots stand side by side. */
  readonly panels: number;
  readonly height?: number;
  /** For those who do not see it. */
  readonly label: string;
}

/** One plot as markup. */
function draw({ title, panels, height, label }: PanelOptions, options: Plot.PlotOptions): string {
  // The document is linkedom's; of a browser's it has what plots are made with.
  const svg = Plot.plot({
    marginBottom: 40,
    ...options,
    document: document as never,
    width: widthOf(panels),
    height: height ?? 240,
    ariaLabel: label,
    className: 'plot',
    style: { overflow: 'visible' },
  });
  svg.setAttribute('role', 'img');
  return `<div class="panel">${title === undefined ? '' : `<h5>${escapeHtml(title)}</h5>`}${svg.outerHTML}</div>`;
}

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Domains that plots side by side have in common. */
export function domainOf(values: readonly number[], ...always: number[]): [number, number] {
  const all = [...values, ...always].filter(Number.isFinite);
  return wider([Math.min(...all), Math.max(...all)], 1e-9);
}

/** A domain of at least some width: small differences must not fill a plot. */
export function wider([least, most]: readonly [number, number], width: number): [number, number] {
  const missing = Math.max(0, width - (most - least)) / 2;
  return [least - missing, most + missing];
}

export interface Bar {
  readonly x: number;
  readonly y: number;
}

/** A bar of the mean for each number on the x axis, with a dot for every value where there are several. */
export function bars(
  values: readonly Bar[],
  {
    x,
    y,
    domain,
    ...panel
  }: PanelOptions & { readonly x: string; readonly y: string; readonly domain: [number, number] },
): string {
  const byX = [...new Set(values.map((each) => each.x))].map((at) => {
    const own = values.filter((each) => each.x === at).map((each) => each.y);
    return { x: at, y: mean(own), n: own.length };
  });
  return draw(panel, {
    x: {
      label: x,
      type: 'band',
      domain: byX.map((each) => each.x).toSorted((a, b) => a - b),
      tickFormat: String,
      padding: 0.25,
    },
    y: { label: y, domain, nice: true, grid: true },
    marks: [
      Plot.barY(byX, {
        x: 'x',
        y: 'y',
        fill: SERIES[0],
        title: ({ x: at, y: value }: Bar) => `${at}: ${round(value)}`,
      }),
      Plot.ruleY([0]),
      ...(byX.some(({ n }) => n > 1)
        ? [Plot.dot(values, { x: 'x', y: 'y', r: 2.5, fill: 'currentColor', stroke: 'var(--page)', strokeWidth: 1 })]
        : []),
    ],
  });
}

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly series: string;
  /** Several lines of one series have different ones. */
  readonly line?: string;
  /** Half the length of the whisker. */
  readonly deviation?: number;
}

export interface LineStyle {
  readonly series: string;
  readonly color: string;
  readonly width?: number;
  readonly dash?: string;
}

export interface LineOptions extends PanelOptions {
  readonly x: string;
  readonly y: string;
  readonly styles: readonly LineStyle[];
  readonly domain: [number, number];
  readonly xScale?: {
    readonly type?: 'log' | 'linear';
    readonly reverse?: boolean;
    readonly values?: readonly number[];
  };
  /** Dashed horizontals, with what they stand for. */
  readonly rules?: readonly { readonly y: number; readonly text: string }[];
  readonly dots?: boolean;
}

/** Lines by series, drawn in the order of `styles`. */
export function lines(
  points: readonly LinePoint[],
  { x, y, styles, domain, xScale = {}, rules = [], dots = true, ...panel }: LineOptions,
): string {
  const { type = 'linear', reverse = false, values } = xScale;
  const ticks = values ?? [...new Set(points.map((each) => each.x))].toSorted((a, b) => a - b);
  const own = (series: string): LinePoint[] => points.filter((point) => point.series === series);
  const told = ({ x: at, y: value, series }: LinePoint): string => `${series}, ${round(at)}: ${round(value)}`;
  return draw(panel, {
    marginRight: 24,
    x: {
      label: x,
      type,
      reverse,
      ticks: ticks.length <= 13 ? ticks : ticks.filter((_, i) => i % 2 === 0),
      tickFormat: (value: number) => String(Number(value.toPrecision(6))),
    },
    y: { label: y, domain, nice: true, grid: true },
    marks: [
      ...rules.flatMap((rule) => [
        Plot.ruleY([rule.y], { stroke: 'currentColor', strokeOpacity: 0.6, strokeDasharray: '4 3' }),
        Plot.text([rule], { y: 'y', frameAnchor: reverse ? 'right' : 'left', text: 'text', dy: -6, fillOpacity: 0.8 }),
      ]),
      ...styles.flatMap(({ series, color, width = 1.75, dash }) => [
        Plot.line(own(series), {
          x: 'x',
          y: 'y',
          z: ({ line = '' }: LinePoint) => line,
          stroke: color,
          strokeWidth: width,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        }),
        Plot.ruleX(
          own(series).filter(({ deviation = 0 }) => deviation > 0),
          {
            x: 'x',
            y1: (point: LinePoint) => point.y - (point.deviation ?? 0),
            y2: (point: LinePoint) => point.y + (point.deviation ?? 0),
            stroke: color,
            strokeOpacity: 0.6,
          },
        ),
        ...(dots ? [Plot.dot(own(series), { x: 'x', y: 'y', r: width + 1, fill: color, title: told })] : []),
      ]),
    ],
  });
}

export interface HeatCell {
  readonly x: string | number;
  readonly y: string | number;
  readonly value: number | undefined;
  /** Written into the cell. */
  readonly text: string;
}

/** Cells whose colour says the sign and whose depth says how much, 1 at `most`. */
export function heatmap(
  cells: readonly HeatCell[],
  { x, y, most, ...panel }: PanelOptions & { readonly x: string; readonly y: string; readonly most: number },
): string {
  const columns = unique(cells.map((cell) => cell.x));
  const rows = unique(cells.map((cell) => cell.y));
  const longest = Math.max(...rows.map((row) => String(row).length));
  const depth = ({ value = 0 }: HeatCell): number =>
    most === 0 ? 0 : 0.04 + 0.66 * Math.min(1, Math.abs(value) / most);
  const shown = { x: 'x', y: 'y', inset: 0.5 } as const;
  return draw(
    { ...panel, height: panel.height ?? Math.max(120, 28 * rows.length + 50) },
    {
      marginLeft: Math.max(40, 7 * longest + 18),
      marginTop: 4,
      marginBottom: 42,
      x: { label: x === '' ? null : x, type: 'band', domain: columns, tickFormat: String },
      y: { label: y === '' ? null : y, type: 'band', domain: rows, tickFormat: String },
      opacity: { type: 'identity' },
      marks: [
        Plot.cell(
          cells.filter(({ value = 0 }) => value >= 0),
          { ...shown, fill: 'var(--above)', fillOpacity: depth },
        ),
        Plot.cell(
          cells.filter(({ value = 0 }) => value < 0),
          { ...shown, fill: 'var(--below)', fillOpacity: depth },
        ),
        ...(columns.length > 16
          ? []
          : [
              Plot.text(
                cells.map((cell) => ({ ...cell, text: cell.text.replace('-', '−') })),
                {
                  x: 'x',
                  y: 'y',
                  text: 'text',
                  fill: 'currentColor',
                  fontSize: columns.length > (panel.panels > 1 ? 6 : 14) ? 9 : 11,
                },
              ),
            ]),
      ],
    },
  );
}

export interface Box {
  readonly x: number;
  readonly q05: number;
  readonly q25: number;
  readonly median: number;
  readonly q75: number;
  readonly q95: number;
}

/** Median, quartiles and the middle nine tenths for each number on the x axis. */
export function boxes(
  values: readonly Box[],
  {
    x,
    y,
    domain,
    rule,
    color,
    ...panel
  }: PanelOptions & {
    readonly x: string;
    readonly y: string;
    readonly domain: [number, number];
    readonly rule: number;
    readonly color: string;
  },
): string {
  return draw(panel, {
    x: { label: x, type: 'band', domain: values.map((each) => each.x), tickFormat: String, padding: 0.3 },
    y: { label: y, domain, nice: true, grid: true },
    marks: [
      Plot.ruleY([rule], { stroke: 'currentColor', strokeOpacity: 0.5, strokeDasharray: '4 3' }),
      Plot.ruleX(values, { x: 'x', y1: 'q05', y2: 'q95', stroke: color }),
      Plot.barY(values, {
        x: 'x',
        y1: 'q25',
        y2: 'q75',
        fill: color,
        fillOpacity: 0.55,
        title: ({ x: at, median }: Box) => `${at}: median ${round(median)}`,
      }),
      Plot.tickY(values, { x: 'x', y: 'median', stroke: 'currentColor', strokeWidth: 2 }),
    ],
  });
}

export interface DotRow {
  readonly row: string;
  readonly x: number;
  readonly color: string;
  readonly text: string;
  /** Half the length of the whisker. */
  readonly deviation?: number;
}

/** Dots on rows: one row for each thing that is compared. */
export function dotRows(
  values: readonly DotRow[],
  {
    x,
    rows,
    domain,
    ...panel
  }: PanelOptions & { readonly x: string; readonly rows: readonly string[]; readonly domain: [number, number] },
): string {
  return draw(
    { ...panel, height: 26 * rows.length + 58 },
    {
      marginTop: 8,
      marginLeft: Math.max(...rows.map((row) => row.length)) * 6.6 + 16,
      marginRight: 20,
      x: { label: x, domain, nice: true, grid: true },
      y: { label: null, type: 'point', domain: rows, padding: 0.6 },
      marks: [
        Plot.ruleY(rows, { stroke: 'currentColor', strokeOpacity: 0.12 }),
        Plot.ruleY(
          values.filter(({ deviation = 0 }) => deviation > 0),
          {
            x1: (dot: DotRow) => dot.x - (dot.deviation ?? 0),
            x2: (dot: DotRow) => dot.x + (dot.deviation ?? 0),
            y: 'row',
            stroke: 'color',
            strokeWidth: 1.75,
            strokeOpacity: 0.7,
          },
        ),
        Plot.dot(values, { x: 'x', y: 'row', r: 5, fill: 'color', fillOpacity: 0.85, title: 'text' }),
      ],
      color: { type: 'identity' },
    },
  );
}

const round = (value: number): string => String(Number(value.toPrecision(4)));

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
