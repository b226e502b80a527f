import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readRuns, type RunRow } from '../../src/sweep/results.js';
import { tinyTable, tinyTestTable, write } from './cli.js';

const FIXTURE = join(import.meta.dirname, '..', '..', '..', 'conformance-fixtures', 'fixtures', 'bert');
const BIN = join(import.meta.dirname, '..', '..', '..', 'cli', 'dist', 'bin.js');

const WORDS =
  'there was a in the garden he looked at for long while whose is this my brother gave me old lay by door dog ' +
  'horse sheep cat cow bird fish mouse hammer saw knife axe shovel spoon needle rope . ?';

/**
 * A BERT of three layers, 32 wide, with a tokenizer of the words of the tiny tables: a run on it takes a tenth of a
 * second.
 */
export function tinyModel(folder: string): string {
  cpSync(join(FIXTURE, 'model.onnx'), join(folder, 'model.onnx'));
  cpSync(join(FIXTURE, 'config.json'), join(folder, 'config.json'));
  const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  const vocab = Object.fromEntries([...specials, ...WORDS.split(' ')].map((word, id) => [word, id]));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
  write(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  return folder;
}

/** A folder with the tiny model, its tables, and a sweep file; answers the path of that file. */
export function tinySweep(folder: string, settings: string): string {
  tinyModel(join(folder, 'model'));
  write(join(folder, 'tables', 'train.csv'), tinyTable());
  write(join(folder, 'tables', 'test.csv'), tinyTestTable());
  return write(join(folder, 'sweep.yaml'), settings);
}

/** Two tasks of one table each, with and without a table of its own to score on. */
export const TINY_TASKS = `
model: model
threads: 1
tasks:
  - { name: nouns, train: tables/train.csv, dev: tables/test.csv }
  - { name: held out, train: tables/test.csv, holdout: 0.25 }
`;

/** Five settings. */
export const TINY_METHODS = `
methods:
  classifier: { classifierEpochs: 1 }
  hadamard: { classifierEpochs: 1, epochs: 1, lr: [0.003, 0.01] }
  norms: { method: layernorm, epochs: 1 }
  full: { epochs: 1 }
`;

export const resultsOf = (sweep: string): string => join(sweep.replace(/\.yaml$/, '-results'), 'results.sqlite');

/** What must not differ between two ways to do the same sweep, by key. */
export function outcomes(sweep: string): Map<string, Omit<RunRow, 'seconds' | 'finishedAt'>> {
  return new Map(
    readRuns(resultsOf(sweep)).map(({ seconds: _seconds, finishedAt: _finishedAt, ...row }) => [row.key, row]),
  );
}

/** The runs of a sweep are to the last bit what another sweep, which has them all, made of them. */
export function expectSame(sweep: string, whole: string, size: number): void {
  const [found, expected] = [outcomes(sweep), outcomes(whole)];
  expect(found.size).toBe(size);
  for (const [key, row] of found) expect(row).toEqual(expected.get(key));
}

/** A process of the built command line. */
export interface Started {
  readonly child: ChildProcess;
  /** What it has printed. */
  output(): string;
  /** Until its output has this, so many times. */
  says(text: string | RegExp, times?: number): Promise<void>;
  readonly ended: Promise<number | null>;
}

export function start(...argv: readonly string[]): Started {
  const child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      for (const listen of listeners) listen();
    });
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const has = (text: string | RegExp, times: number): boolean => output.split(text).length > times;
  return {
    child,
    output: () => output,
    ended,
    async says(text, times = 1) {
      if (has(text, times)) return;
      await new Promise<void>((resolve, reject) => {
        const listen = (): void => {
          if (!has(text, times)) return;
          listeners.delete(listen);
          resolve();
        };
        listeners.add(listen);
        void ended.then(() => reject(new Error(`it ended without ${String(text)}:\n${output}`)));
      });
    },
  };
}
