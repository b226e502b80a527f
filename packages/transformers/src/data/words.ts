import { DataError, IGNORED, type Split } from '@hadamard-adapter/core';
import { checkCounts, labelIndex } from './labels.js';
import { bareIds, specialTokens, type Reader } from './reader.js';
import { splitOf } from './split.js';

/** Texts in words, with a label for each word: what Hugging Face datasets for token classification hold. */
export interface LabelledWords {
  readonly tokens: readonly (readonly string[])[];
  /** Names, or indices of `id2label`. */
  readonly labels?: readonly (readonly (string | number)[])[];
}

/** A split of words, and where in each row its words begin. */
export interface WordSplit extends Split {
  /** For each row the position of the first token of each word; words that were cut off are missing. */
  readonly starts: readonly (readonly number[])[];
}

/**
 * Words as token ids; the label of a word is that of its first token, and those that continue it are not judged (Devlin
 * et al., arXiv 1810.04805, section 5.3).
 *
 * @throws DataError TEXT_EMPTY, LABEL_COUNT, LABEL_UNKNOWN.
 */
export function tokenizeWords(
  id: string,
  { tokens, labels }: LabelledWords,
  reader: Reader,
  names: readonly string[],
): WordSplit {
  checkCounts('texts', tokens, labels);
  tokens.forEach((words, row) => {
    if (words.length === 0)
      throw new DataError('A text has no words', {
        code: 'TEXT_EMPTY',
        found: `text ${row}`,
        expected: 'at least one word',
      });
    const own = labels?.[row];
    if (own !== undefined && own.length !== words.length)
      throw new DataError('Labels do not match the words', {
        code: 'LABEL_COUNT',
        found: `${own.length} for text ${row}`,
        expected: `${words.length}, one for each word`,
      });
  });
  const { before, after } = specialTokens(reader);
  const idsOf = wordReader(reader, tokens);
  const rows: number[][] = [];
  const [starts, targets]: [number[][], number[][]] = [[], []];
  for (const [row, words] of tokens.entries()) {
    const [ids, classes] = [[...before], before.map(() => IGNORED)];
    const places: number[] = [];
    for (const [at, word] of words.entries()) {
      const pieces = idsOf(word, at === 0);
      if (ids.length + pieces.length + after.length > reader.longest) break;
      // A word of nothing that the tokenizer knows has no token to be judged by.
      if (pieces.length > 0) {
        places.push(ids.length);
        const label = labels?.[row]?.[at];
        classes.push(
          label === undefined ? IGNORED : labelIndex(label, `word ${at} of text ${row}`, names),
          ...pieces.slice(1).map(() => IGNORED),
        );
      }
      ids.push(...pieces);
    }
    rows.push([...ids, ...after]);
    starts.push(places);
    targets.push([...classes, ...after.map(() => IGNORED)]);
  }
  return {
    ...splitOf(
      id,
      { input_ids: rows },
      reader.tokenizer.pad_token_id ?? 0,
      labels === undefined ? undefined : { tokens: targets },
    ),
    starts,
  };
}

/** Texts on which the two ways to write a word are compared. */
const SAMPLE = 20;

/**
 * Token ids of a word in the middle of a text. Whether a tokenizer wants to see the space in front (RoBERTa) or not
 * (BERT) is found out: words one by one have to become what the whole text becomes, which is what a pipeline will show
 * the model.
 */
function wordReader(
  reader: Reader,
  texts: readonly (readonly string[])[],
): (word: string, isFirst: boolean) => readonly number[] {
  const distinct = [...new Set(texts.flat())];
  const table = (of: readonly string[]): Map<string, readonly number[]> => {
    const ids = bareIds(reader, of);
    return new Map(distinct.map((word, i) => [word, ids[i] ?? []]));
  };
  const [alone, spaced] = [table(distinct), table(distinct.map((word) => ` ${word}`))];
  const idsWith = (others: ReadonlyMap<string, readonly number[]>) => (word: string, isFirst: boolean) =>
    (isFirst ? alone : others).get(word) ?? [];
  const sample = texts.slice(0, SAMPLE);
  const whole = bareIds(
    reader,
    sample.map((words) => words.join(' ')),
  );
  const agreement = (read: (word: string, isFirst: boolean) => readonly number[]): number =>
    sample.filter(
      (words, row) => words.flatMap((word, at) => read(word, at === 0)).join() === (whole[row] ?? []).join(),
    ).length;
  const [plain, withSpace] = [idsWith(alone), idsWith(spaced)];
  return agreement(withSpace) > agreement(plain) ? withSpace : plain;
}
