import { describe, expect, it } from 'vitest';
import { IGNORED } from '@hadamard-adapter/core';
import { tokenizeQuestions } from '../src/data/questions.js';
import { tokenizeWords } from '../src/data/words.js';
import type { LibraryTokenizer } from '../src/library.js';
import { failure } from './support.js';

/** Numbers of pieces, given as they come. */
function tokenizer(piecesOf: (text: string) => string[]): {
  readonly tokenizer: LibraryTokenizer;
  readonly longest: number;
  readonly names: string[];
} {
  const names = ['<s>', '</s>'];
  const id = (piece: string): number => {
    if (!names.includes(piece)) names.push(piece);
    return names.indexOf(piece);
  };
  const made = (
    texts: readonly string[],
    {
      text_pair: pairs,
      add_special_tokens: special = true,
    }: { text_pair?: readonly string[]; add_special_tokens?: boolean },
  ): unknown => ({
    input_ids: texts.map((text, i) => {
      const ids = piecesOf(text).map(id);
      if (!special) return ids;
      return [0, ...ids, 1, ...(pairs === undefined ? [] : [1, ...piecesOf(pairs[i] as string).map(id), 1])];
    }),
  });
  return {
    tokenizer: Object.assign(made, { decode: () => '', pad_token_id: 9 }) as unknown as LibraryTokenizer,
    longest: 12,
    names,
  };
}

/** Lower case, pieces of four letters, no view of spaces: as WordPiece. */
const wordPiece = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((word) => word.match(/.{1,4}/g)?.map((piece, i) => (i === 0 ? piece : `##${piece}`)) ?? []);
/** A space belongs to the piece behind it: as byte-level BPE. */
const bytePairs = (text: string): string[] => text.match(/ ?[^ ]{1,4}/g) ?? [];

const tokens = [['A', 'wonderful', 'day'], ['Rain']];
const labels = [['O', 'B-X', 'O'], ['B-X']];

describe.each([
  ['WordPiece', wordPiece],
  ['byte pairs', bytePairs],
] as const)('words through %s', (_, pieces) => {
  it('become what their text becomes, labelled at their first tokens', () => {
    const reader = tokenizer(pieces);
    const split = tokenizeWords('train', { tokens, labels }, reader, ['O', 'B-X']);
    const batch = split.batch(Int32Array.of(0, 1));
    const row = (at: number): string[] =>
      Array.from(
        batch.inputIds.subarray(at * batch.sequence, at * batch.sequence + (split.lengths[at] as number)),
        (id) => reader.names[id] as string,
      );
    expect(row(0)).toEqual(['<s>', ...pieces('A wonderful day'), '</s>']);
    expect([...(split.labels ?? [])].slice(0, 7)).toEqual([IGNORED, 0, 1, IGNORED, IGNORED, 0, IGNORED]);
    expect([...(batch.labels ?? [])].slice(batch.sequence)).toEqual([
      IGNORED,
      1,
      IGNORED,
      IGNORED,
      IGNORED,
      IGNORED,
      IGNORED,
    ]);
    expect(batch.inputIds.at(-1)).toBe(9);
    expect(split.starts).toEqual([[1, 2, 5], [1]]);
  });

  it('are cut between words', () => {
    const split = tokenizeWords(
      'train',
      { tokens: [['one', 'two', 'three', 'extraordinary', 'end', 'so']] },
      { ...tokenizer(pieces), longest: 8 },
      [],
    );
    expect(split.starts).toEqual([[1, 2, 3]]);
    expect([...split.lengths]).toEqual([6]);
  });
});

describe('words', () => {
  const reader = tokenizer(wordPiece);
  it.each([
    ['LABEL_COUNT', { tokens, labels: [['O']] }],
    ['LABEL_COUNT', { tokens, labels: [['O'], ['O']] }],
    ['LABEL_UNKNOWN', { tokens, labels: [['O', 'B-Y', 'O'], ['O']] }],
    ['TEXT_EMPTY', { tokens: [] }],
    ['TEXT_EMPTY', { tokens: [['a'], []] }],
  ])('%s', async (code, data) => {
    expect(
      (
        await failure(async () =>
          tokenizeWords('train', data as typeof data & { labels: string[][] }, reader, ['O', 'B-X']),
        )
      ).code,
    ).toBe(code);
  });
});

describe.each([
  ['WordPiece', wordPiece],
  ['byte pairs', bytePairs],
] as const)('questions through %s', (_, pieces) => {
  it('know the tokens of their answers', () => {
    const reader = { ...tokenizer(pieces), longest: 40 };
    const contexts = ['On a wonderful day it rained', 'No'];
    const split = tokenizeQuestions(
      'train',
      { questions: ['What day?', 'Why'], contexts, answers: [{ text: 'wonderful day', answer_start: 5 }, null] },
      reader,
    );
    const [first, last] = [...(split.labels ?? [])] as [number, number];
    expect(split.ids[0]?.slice(first, last + 1).map((id) => reader.names[id])).toEqual(
      pieces('On a wonderful day it rained').slice(2, 6),
    );
    expect([...(split.labels ?? [])].slice(2)).toEqual([0, 0]);
  });

  it('whose answer is cut off have none', () => {
    const split = tokenizeQuestions(
      'train',
      {
        questions: ['Who'],
        contexts: ['one two three four five six seven eight nine'],
        answers: [{ text: 'nine', answer_start: 40 }],
      },
      tokenizer(pieces),
    );
    expect([...(split.labels ?? [])]).toEqual([0, 0]);
    expect([...split.lengths]).toEqual([12]);
  });
});
