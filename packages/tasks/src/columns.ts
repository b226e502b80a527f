import { DataError } from '@hadamard-adapter/core';
import { elementAt, labelNames } from '@hadamard-adapter/core/internal';
import type { Example, ExampleTable, Kind } from './examples.js';
import type { RawTable } from './table.js';
import { columnList, quote } from './text.js';

/** Which columns hold what. */
export interface ColumnNames {
  readonly text?: string;
  readonly pair?: string;
  readonly label?: string;
}

export interface ExampleOptions extends ColumnNames {
  /** Default `classification`. */
  readonly kind?: Kind;
  /** Class names in the order of their indices; default: those of the data, sorted. */
  readonly labels?: readonly string[];
  /** Whether a label column must be there. Default true. */
  readonly labelled?: boolean;
}

/** Names that people give these columns, by frequency. Only used when exactly one of them is there. */
const TEXT_NAMES = [
  'text',
  'sentence',
  'sentence1',
  'question',
  'premise',
  'question1',
  'content',
  'review',
  'message',
];
const PAIR_NAMES = ['text_pair', 'pair', 'sentence2', 'hypothesis', 'question2', 'text2'];
const LABEL_NAMES = ['label', 'labels', 'class', 'category', 'target', 'score'];

/**
 * Turn rows into examples.
 *
 * @throws DataError COLUMN_MISSING listing the columns there are, LABEL_MISSING, LABEL_UNKNOWN listing the labels there
 *   are, TARGET_NOT_NUMBER.
 */
export function toExamples(table: RawTable, options: ExampleOptions = {}): ExampleTable {
  const { kind = 'classification', labelled = true } = options;
  const text = column(table, 'text', options.text, TEXT_NAMES);
  const pair = columnIfAny(table, 'second text', options.pair, PAIR_NAMES);
  const label = labelled ? column(table, 'label', options.label, LABEL_NAMES) : undefined;
  const raw = label === undefined ? undefined : labelValues(table, label);
  const labels = kind === 'regression' ? [label ?? 'score'] : (options.labels ?? labelNames(raw ?? []));
  const values =
    raw === undefined ? undefined : kind === 'regression' ? targets(table, raw) : classes(table, raw, labels);
  const examples = table.rows.map(({ values: row }, i): Example => {
    const second = pair === undefined ? undefined : cell(row, pair);
    return {
      text: cell(row, text),
      ...(second === undefined ? {} : { pair: second }),
      ...(values === undefined ? {} : { label: elementAt(values, i) }),
    };
  });
  return { kind, examples, labels, skipped: [] };
}

/** A row of JSON lines lacks some columns, and one of them may be called `constructor`. */
function cell(values: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(values, name) ? (values[name] ?? '') : '';
}

function column(table: RawTable, what: string, given: string | undefined, guesses: readonly string[]): string {
  const found = columnIfAny(table, what, given, guesses);
  if (found === undefined) throw columnMissing(table, what, 'none with a usual name');
  return found;
}

function columnIfAny(
  table: RawTable,
  what: string,
  given: string | undefined,
  guesses: readonly string[],
): string | undefined {
  if (given !== undefined) {
    if (table.columns.includes(given)) return given;
    throw columnMissing(table, what, `no column ${quote(given)}`);
  }
  const matches = table.columns.filter((name) => guesses.includes(name.toLowerCase()));
  // `text` next to `content`: the first guess wins only if it is there by its plain name.
  const plain = matches.find((name) => name.toLowerCase() === guesses[0]);
  if (matches.length < 2 || plain !== undefined) return plain ?? matches[0];
  throw columnMissing(table, what, `several candidates: ${matches.join(', ')}`);
}

function columnMissing(table: RawTable, what: string, found: string): DataError {
  return new DataError(`${table.name} has no ${what} column that is certain`, {
    code: 'COLUMN_MISSING',
    found: `${found}; columns: ${columnList(table.columns)}`,
    hint: `Name the ${what} column.`,
  });
}

function labelValues(table: RawTable, label: string): string[] {
  const missing = table.rows.filter(({ values }) => cell(values, label).trim() === '');
  if (missing.length > 0) {
    const lines = missing
      .slice(0, 5)
      .map(({ line }) => line)
      .join(', ');
    throw new DataError(`${table.name} has rows without a label`, {
      code: 'LABEL_MISSING',
      found: `${missing.length}, first in line ${lines}`,
      expected: `a value in column ${quote(label)}`,
    });
  }
  return table.rows.map(({ values }) => cell(values, label).trim());
}

function classes(table: RawTable, raw: readonly string[], labels: readonly string[]): number[] {
  if (labels.length > MAX_CLASSES) {
    throw new DataError(`${table.name} has too many classes`, {
      code: 'LABEL_COUNT',
      found: `${labels.length} distinct labels in ${raw.length} rows`,
      expected: `at most ${MAX_CLASSES}`,
      hint: 'Is this the right column? Numbers to predict need a regression.',
    });
  }
  const index = new Map(labels.map((name, i) => [name, i]));
  return raw.map((name, i) => {
    const label = index.get(name);
    if (label !== undefined) return label;
    throw new DataError(`${table.name} has a label that the model does not know`, {
      code: 'LABEL_UNKNOWN',
      found: `${quote(name)} in line ${table.rows[i]?.line}`,
      expected: labels
        .slice(0, 20)
        .map((each) => quote(each))
        .join(', '),
    });
  });
}

/** More distinct labels than this are free text or numbers taken for labels. */
const MAX_CLASSES = 1000;

function targets(table: RawTable, raw: readonly string[]): number[] {
  const bad = raw.flatMap((value, i) => (Number.isFinite(Number(value)) ? [] : [{ value, line: table.rows[i]?.line }]));
  if (bad.length > 0) {
    throw new DataError(`${table.name} has targets that are not numbers`, {
      code: 'TARGET_NOT_NUMBER',
      found:
        bad
          .slice(0, 3)
          .map(({ value, line }) => `${quote(value)} in line ${line}`)
          .join(', ') + (bad.length > 3 ? ` and ${bad.length - 3} more` : ''),
      expected: 'numbers',
    });
  }
  return raw.map(Number);
}
