export type Cell = string | number | undefined;

export interface Column {
  readonly key: string;
  /** Over the column, with the unit. */
  readonly title: string;
  /** Decimals that people are shown; files hold every digit. */
  readonly digits?: number;
}

/** Numbers of an analysis: in the report below their plot, as a CSV file, on the terminal and in JSON. */
export interface DataTable {
  /** Name of the file: report.NAME.csv. */
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** A table, what is to be seen in it, and how it came about. */
export interface Block {
  readonly title: string;
  /** What is seen, how it was computed, over how many rows and seeds. */
  readonly caption: string;
  readonly table: DataTable;
  /** One picture or several side by side, as markup. */
  readonly plots?: readonly string[];
  /** Of the colours in the plots. */
  readonly legend?: readonly Swatch[];
  /** Too long for a terminal. */
  readonly long?: boolean;
}

export interface Swatch {
  /** A colour of CSS. */
  readonly color: string;
  readonly text: string;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** What the analysis asks. */
  readonly intro: string;
  /** What it found, one sentence each. */
  readonly findings: readonly string[];
  readonly blocks: readonly Block[];
}

/** A cell for people. */
export function formatCell(value: Cell, { digits }: Pick<Column, 'digits'>): string {
  if (value === undefined) return '–';
  if (typeof value === 'string') return value;
  if (digits === undefined)
    return Number.isInteger(value)
      ? new Intl.NumberFormat('en-US').format(value)
      : String(Number(value.toPrecision(4)));
  const text = value.toFixed(digits);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text;
}

/** A point is a hundredth of a score, as papers print them: 0.931 is 93.1 points. */
export const POINT = 0.01;

/** For sentences: with a true minus. */
export const signed = (value: number, digits: number): string => formatCell(value, { digits }).replace('-', '−');

/** `loses 0.4 points`, or `gains 0.4 points` where the loss is negative. */
export function losesPoints(lost: number, digits = 1): string {
  const shown = formatCell(Math.abs(lost), { digits });
  return Number(shown) === 0 ? 'loses nothing' : `${lost < 0 ? 'gains' : 'loses'} ${shown} points`;
}

export const points = (score: number): number => score / POINT;

/** `1 row`, `3 rows`. */
export const count = (n: number, one: string, several = `${one}s`): string =>
  `${new Intl.NumberFormat('en-US').format(n)} ${n === 1 ? one : several}`;
