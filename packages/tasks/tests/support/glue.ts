import type { GlueId, ReadFile } from '../../src/index.js';
import { utf8 } from './tables.js';

/** A file of GLUE: fields separated by tabs, nothing quoted. */
export function tsv(...rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.join('\t')}\n`).join('');
}

/** A data folder in memory. */
export function folder(files: Readonly<Record<string, string | Uint8Array>>): ReadFile {
  return async (path) => {
    if (!Object.hasOwn(files, path)) return undefined;
    const file = files[path] as string | Uint8Array;
    return typeof file === 'string' ? utf8(file) : file;
  };
}

const STSB = [
  'index',
  'genre',
  'filename',
  'year',
  'old_index',
  'source1',
  'source2',
  'sentence1',
  'sentence2',
  'score',
];
const stsb = (index: number, first: string, second: string, score: string): (string | number)[] => [
  index,
  'main',
  'notes',
  '2020',
  index,
  'none',
  'none',
  first,
  second,
  score,
];

const MNLI = [
  'index',
  'promptID',
  'pairID',
  'genre',
  'sentence1_binary_parse',
  'sentence2_binary_parse',
  'sentence1_parse',
  'sentence2_parse',
  'sentence1',
  'sentence2',
];
const mnli = (index: number, first: string, second: string, ...labels: string[]): (string | number)[] => [
  index,
  `p${index}`,
  `q${index}`,
  'letters',
  '( )',
  '( )',
  '(S)',
  '(S)',
  first,
  second,
  ...labels,
];
const mnliDev = [...MNLI, 'label1', 'label2', 'label3', 'label4', 'label5', 'gold_label'];

/** Each task in the layout of its official files, with sentences of our own. */
export const FILES: Readonly<Record<GlueId, Readonly<Record<string, string>>>> = {
  cola: {
    'CoLA/train.tsv': tsv(['gj04', 1, '', 'The dog sleeps.'], ['gj04', 0, '*', 'Dog the sleeps.']),
    'CoLA/dev.tsv': tsv(['gj04', 0, '*', 'Sleeps the dog the.']),
  },
  sst2: {
    'SST-2/train.tsv': tsv(['sentence', 'label'], ['a joy from start to end ', 1], ['it drags on ', 0]),
    'SST-2/dev.tsv': tsv(['sentence', 'label'], ['worth the ticket ', 1]),
  },
  mrpc: {
    'MRPC/train.tsv':
      '\uFEFF' +
      tsv(
        ['Quality', '#1 ID', '#2 ID', '#1 String', '#2 String'],
        [1, 11, 12, 'The firm grew.', 'The company became larger.'],
        [0, 13, 14, 'He left.', 'She stayed.'],
      ),
    'MRPC/dev.tsv': tsv(
      ['Quality', '#1 ID', '#2 ID', '#1 String', '#2 String'],
      [1, 15, 16, 'It rained.', 'There was rain.'],
    ),
  },
  stsb: {
    'STS-B/train.tsv': tsv(
      STSB,
      stsb(0, 'A man cooks.', 'A man is cooking.', '5.000'),
      stsb(1, 'A boy runs.', 'The moon is far.', '0.250'),
    ),
    'STS-B/dev.tsv': tsv(STSB, stsb(0, 'A girl sings.', 'A girl hums.', '3.4')),
  },
  qqp: {
    'QQP/train.tsv': tsv(
      ['id', 'qid1', 'qid2', 'question1', 'question2', 'is_duplicate'],
      [0, 1, 2, 'How old is it?', 'What is its age?', 1],
      [1, 3, 4, 'Why?', 'How far is it?', 0],
    ),
    'QQP/dev.tsv': tsv(
      ['id', 'qid1', 'qid2', 'question1', 'question2', 'is_duplicate'],
      [2, 5, 6, 'Who won?', 'Who was it that won?', 1],
    ),
  },
  mnli: {
    'MNLI/train.tsv': tsv(
      [...MNLI, 'label1', 'gold_label'],
      mnli(0, 'It is late.', 'It is not early.', 'entailment', 'entailment'),
      mnli(1, 'It is late.', 'I am tired.', 'neutral', 'neutral'),
      mnli(2, 'It is late.', 'It is early.', 'contradiction', 'contradiction'),
    ),
    // label1 to label5 are what five people said; gold_label what most of them did.
    'MNLI/dev_matched.tsv': tsv(
      mnliDev,
      mnli(0, 'He ran.', 'He moved.', 'neutral', 'entailment', 'entailment', 'entailment', 'neutral', 'entailment'),
    ),
    'MNLI/dev_mismatched.tsv': tsv(
      mnliDev,
      mnli(
        0,
        'He ran.',
        'He stood still.',
        'neutral',
        'contradiction',
        'contradiction',
        'contradiction',
        'neutral',
        'contradiction',
      ),
    ),
  },
  qnli: {
    'QNLI/train.tsv': tsv(
      ['index', 'question', 'sentence', 'label'],
      [0, 'When was it built?', 'It was built in May.', 'entailment'],
      [1, 'Who built it?', 'It was built in May.', 'not_entailment'],
    ),
    'QNLI/dev.tsv': tsv(
      ['index', 'question', 'sentence', 'label'],
      [0, 'Where is it?', 'It is tall.', 'not_entailment'],
    ),
  },
  rte: {
    'RTE/train.tsv': tsv(
      ['index', 'sentence1', 'sentence2', 'label'],
      [0, 'The bridge was opened in June.', 'There is a bridge.', 'entailment'],
      [1, 'There is a bridge.', 'The bridge is old.', 'not_entailment'],
    ),
    'RTE/dev.tsv': tsv(
      ['index', 'sentence1', 'sentence2', 'label'],
      [0, 'She speaks Polish.', 'She is silent.', 'not_entailment'],
    ),
  },
};
