import { DataError } from '@hadamard-adapter/core';
import { elementAt, hasKey } from '@hadamard-adapter/core/internal';
import type { Example, ExampleTable, Kind } from './examples.js';
import { columnList, decodeText, quote } from './text.js';

/** Reads a file below the data folder; undefined when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>;

export type GlueId = 'cola' | 'sst2' | 'mrpc' | 'stsb' | 'qqp' | 'mnli' | 'qnli' | 'rte';

/** One GLUE task (Wang et al., arXiv 1804.07461) as its authors publish it: https://gluebenchmark.com/tasks. */
export interface GlueTask {
  readonly id: GlueId;
  readonly name: string;
  /** Folder names in use. */
  readonly folders: readonly string[];
  readonly kind: Kind;
  /** Class names in the order of Hugging Face `glue`. */
  readonly labels: readonly string[];
  /** How labels are written in the files, by class; default: the index, or the name. */
  readonly written?: readonly string[];
  /** What `taskMetric` gives: a metric of `METRICS` in core, or `f1_accuracy`. */
  readonly metric: string;
  readonly train: FileLayout;
  /** Development files; MNLI has a matched and a mismatched one. */
  readonly dev: readonly FileLayout[];
}

interface FileLayout {
  /** Names in use, the usual first. */
  readonly files: readonly string[];
  /** Columns by header name, or by position where the file has no header. */
  readonly text: string | number;
  readonly pair?: string | number;
  readonly label: string | number;
}

const plain = (text: string, label: string, pair?: string): Omit<FileLayout, 'files'> => ({
  text,
  label,
  ...(pair === undefined ? {} : { pair }),
});
const files = (
  layout: Omit<FileLayout, 'files'>,
  train = ['train.tsv'],
  dev = ['dev.tsv'],
): Pick<GlueTask, 'train' | 'dev'> => ({ train: { ...layout, files: train }, dev: [{ ...layout, files: dev }] });

const MNLI = plain('sentence1', 'gold_label', 'sentence2');

export const GLUE: Readonly<Record<GlueId, GlueTask>> = {
  cola: {
    id: 'cola',
    name: 'CoLA',
    folders: ['CoLA'],
    kind: 'classification',
    labels: ['unacceptable', 'acceptable'],
    written: ['0', '1'],
    metric: 'matthews_correlation',
    ...files({ text: 3, label: 1 }),
  },
  sst2: {
    id: 'sst2',
    name: 'SST-2',
    folders: ['SST-2', 'SST2'],
    kind: 'classification',
    labels: ['negative', 'positive'],
    written: ['0', '1'],
    metric: 'accuracy',
    ...files(plain('sentence', 'label')),
  },
  mrpc: {
    id: 'mrpc',
    name: 'MRPC',
    folders: ['MRPC'],
    kind: 'classification',
    labels: ['not_equivalent', 'equivalent'],
    written: ['0', '1'],
    metric: 'f1_accuracy',
    ...files(
      plain('#1 String', 'Quality', '#2 String'),
      ['train.tsv', 'msr_paraphrase_train.txt'],
      ['dev.tsv', 'msr_paraphrase_test.txt'],
    ),
  },
  stsb: {
    id: 'stsb',
    name: 'STS-B',
    folders: ['STS-B', 'STSB'],
    kind: 'regression',
    labels: ['score'],
    metric: 'pearson_spearmanr',
    ...files(plain('sentence1', 'score', 'sentence2')),
  },
  qqp: {
    id: 'qqp',
    name: 'QQP',
    folders: ['QQP'],
    kind: 'classification',
    labels: ['not_duplicate', 'duplicate'],
    written: ['0', '1'],
    metric: 'f1_accuracy',
    ...files(plain('question1', 'is_duplicate', 'question2')),
  },
  mnli: {
    id: 'mnli',
    name: 'MNLI',
    folders: ['MNLI'],
    kind: 'classification',
    labels: ['entailment', 'neutral', 'contradiction'],
    metric: 'accuracy',
    train: { ...MNLI, files: ['train.tsv'] },
    dev: [
      { ...MNLI, files: ['dev_matched.tsv'] },
      { ...MNLI, files: ['dev_mismatched.tsv'] },
    ],
  },
  qnli: {
    id: 'qnli',
    name: 'QNLI',
    folders: ['QNLI'],
    kind: 'classification',
    labels: ['entailment', 'not_entailment'],
    metric: 'accuracy',
    ...files(plain('question', 'label', 'sentence')),
  },
  rte: {
    id: 'rte',
    name: 'RTE',
    folders: ['RTE'],
    kind: 'classification',
    labels: ['entailment', 'not_entailment'],
    metric: 'accuracy',
    ...files(plain('sentence1', 'label', 'sentence2')),
  },
};

/** @throws DataError TASK_UNKNOWN listing the tasks. */
export function glueTask(id: string): GlueTask {
  const key = id.toLowerCase().replaceAll(/[-_]/g, '');
  if (hasKey(GLUE, key)) return GLUE[key];
  throw new DataError('There is no such task', {
    code: 'TASK_UNKNOWN',
    found: quote(id),
    expected: Object.keys(GLUE).join(', '),
  });
}

export interface GlueData {
  readonly train: ExampleTable;
  /** By the suffix of the metric: `''`, or `_matched` and `_mismatched`. */
  readonly dev: readonly { readonly name: string; readonly table: ExampleTable }[];
}

/**
 * Read a task from a folder: the task's own, or one that holds it under an official name.
 *
 * @throws DataError TASK_FILES saying which files were looked for; TASK_COLUMNS for a file of another task; TASK_ROWS
 *   when no row, or fewer than nine in ten, can be read.
 */
export async function readGlue(task: GlueTask, read: ReadFile): Promise<GlueData> {
  const folder = await findFolder(task, read);
  const table = async (layout: FileLayout): Promise<ExampleTable> => {
    for (const file of layout.files) {
      const bytes = await read(`${folder}${file}`);
      if (bytes !== undefined) return parseGlue(task, layout, decodeText(bytes, file), file);
    }
    throw missing(
      task,
      layout.files.map((file) => `${folder}${file}`),
    );
  };
  const dev = await Promise.all(
    task.dev.map(async (layout) => ({
      name: /_(mis)?matched/.exec(layout.files[0] ?? '')?.[0] ?? '',
      table: await table(layout),
    })),
  );
  return { train: await table(task.train), dev };
}

async function findFolder(task: GlueTask, read: ReadFile): Promise<string> {
  const folders = [
    '',
    ...task.folders.flatMap((name) => [
      `${name}/`,
      `${name.toLowerCase()}/`,
      `${name.toLowerCase().replaceAll('-', '')}/`,
    ]),
  ];
  for (const folder of folders) {
    for (const file of task.train.files) if ((await read(`${folder}${file}`)) !== undefined) return folder;
  }
  throw missing(
    task,
    folders.slice(0, 2).map((folder) => `${folder}${task.train.files[0]}`),
  );
}

function missing(task: GlueTask, looked: readonly string[]): DataError {
  return new DataError(`The files of ${task.name} are not there`, {
    code: 'TASK_FILES',
    found: `none of ${looked.join(', ')}`,
    expected: 'the official glue_data layout',
  });
}

/** GLUE files quote nothing: a quotation mark is text, and every line is a row. */
function parseGlue(task: GlueTask, layout: FileLayout, text: string, file: string): ExampleTable {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  const hasHeader = typeof layout.text === 'string';
  const header = hasHeader ? (lines[0] ?? '').split('\t').map((name) => name.trim()) : [];
  const at = (column: string | number | undefined): number => {
    if (column === undefined) return -1;
    if (typeof column === 'number') return column;
    // MNLI's dev files have more columns than its training file: the header decides.
    const index = header.indexOf(column);
    if (index >= 0) return index;
    throw new DataError(`${file} is not a file of ${task.name}`, {
      code: 'TASK_COLUMNS',
      found: `columns ${columnList(header)}`,
      expected: `a column ${quote(column)}`,
    });
  };
  const [textAt, pairAt, labelAt] = [at(layout.text), at(layout.pair), at(layout.label)];
  const needed = Math.max(textAt, pairAt, labelAt) + 1;
  const examples: Example[] = [];
  const skipped: { line: number; reason: string }[] = [];
  for (let i = hasHeader ? 1 : 0; i < lines.length; i++) {
    const fields = elementAt(lines, i).split('\t');
    // Published files have such rows (QQP: questions with a line break); leaving them out is what every reader of GLUE
    // does.
    if (fields.length < needed) {
      skipped.push({ line: i + 1, reason: `${fields.length} fields instead of ${needed}` });
      continue;
    }
    const label = parseLabel(task, elementAt(fields, labelAt).trim());
    if (label === undefined) skipped.push({ line: i + 1, reason: `label ${quote(elementAt(fields, labelAt))}` });
    else
      examples.push({
        text: elementAt(fields, textAt).trim(),
        ...(pairAt < 0 ? {} : { pair: elementAt(fields, pairAt).trim() }),
        label,
      });
  }
  if (examples.length === 0 || skipped.length > lines.length / 10) {
    throw new DataError(`${file} is not a file of ${task.name}`, {
      code: 'TASK_ROWS',
      found:
        `${examples.length} rows that can be read of ${lines.length}` +
        `${skipped[0] === undefined ? '' : `, first problem: ${skipped[0].reason} in line ${skipped[0].line}`}`,
    });
  }
  return { kind: task.kind, examples, labels: task.labels, skipped };
}

/** MNLI writes `-` where annotators did not agree; such rows have no label. */
function parseLabel(task: GlueTask, text: string): number | undefined {
  if (task.kind === 'regression') return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
  const index = (task.written ?? task.labels).indexOf(text);
  return index < 0 ? undefined : index;
}
