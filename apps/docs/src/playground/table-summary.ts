import type { RawTable } from '@hadamard-adapter/tasks';

/** What a person needs to know of a column to choose it. */
export interface Column {
  readonly name: string;
  /** The first value that is not blank, cut. */
  readonly sample: string;
  readonly distinct: number;
}

export interface ColumnChoice {
  readonly text: string;
  readonly label: string;
}

export interface TableSummary {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Columns that look right; to be confirmed where the table has more than the two. */
  readonly guess: ColumnChoice;
}

interface Looks extends Column {
  readonly characters: number;
}

/** Names that people give these columns. */
const TEXT = ['text', 'sentence', 'content', 'review', 'message', 'title', 'question'];
const LABEL = ['label', 'labels', 'class', 'category', 'target', 'sentiment', 'intent', 'subject'];

/** Rows looked at: enough to tell a text from a class. */
const LOOKED_AT = 500;

export function summarize(table: RawTable): TableSummary {
  const looks = table.columns.map((name) => lookAt(table, name));
  const label =
    named(looks, LABEL) ??
    best(looks, ({ distinct, characters }) => (distinct < 2 ? 0 : 1 / (distinct * (1 + characters))));
  const text =
    named(
      looks.filter(({ name }) => name !== label),
      TEXT,
    ) ??
    best(
      looks.filter(({ name }) => name !== label),
      ({ characters, distinct }) => characters * distinct,
    );
  return {
    name: table.name,
    rows: table.rows.length,
    columns: looks.map(({ name, sample, distinct }) => ({ name, sample, distinct })),
    guess: { text: text ?? '', label: label ?? '' },
  };
}

function lookAt({ rows }: RawTable, name: string): Looks {
  const values = rows
    .slice(0, LOOKED_AT)
    .map((row) => (Object.hasOwn(row.values, name) ? (row.values[name] as string) : ''));
  const first = values.find((value) => value.trim() !== '') ?? '';
  return {
    name,
    sample: cut(first.replaceAll(/\s+/g, ' ')),
    distinct: new Set(values).size,
    characters: values.reduce((sum, value) => sum + value.length, 0) / Math.max(1, values.length),
  };
}

/** Between characters as people see them: half an emoji is a question mark. */
function cut(text: string, length = 60): string {
  if (text.length <= length) return text;
  const begun = text.slice(0, 4 * length);
  const pieces = [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(begun)].map(
    ({ segment }) => segment,
  );
  if (begun.length < text.length) pieces.pop();
  return pieces.length <= length && begun.length === text.length ? text : `${pieces.slice(0, length).join('')}…`;
}

function named(columns: readonly Looks[], names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = columns.find((column) => column.name.toLowerCase() === name);
    if (found !== undefined) return found.name;
  }
  return undefined;
}

function best(columns: readonly Looks[], worth: (column: Looks) => number): string | undefined {
  return columns.toSorted((a, b) => worth(b) - worth(a))[0]?.name;
}
