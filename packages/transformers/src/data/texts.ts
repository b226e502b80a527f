import { DataError, type Split } from '@hadamard-adapter/core';
import type { Encoded } from '../library.js';
import { checkCounts, labelIndex } from './labels.js';
import type { Reader } from './reader.js';
import { splitOf } from './split.js';

/** Texts, or pairs of them, with what they are. */
export interface LabelledTexts {
  readonly texts: readonly string[];
  readonly text_pairs?: readonly string[];
  /** One for each text: names, or indices of `id2label`. */
  readonly labels?: readonly (string | number)[];
}

/** @throws DataError TEXT_EMPTY, TEXT_PAIRS, LABEL_COUNT. */
export function checkTexts({ texts, text_pairs: pairs, labels }: LabelledTexts): void {
  checkCounts('texts', texts, labels);
  if (pairs !== undefined && pairs.length !== texts.length)
    throw new DataError('Second texts do not match the first', {
      code: 'TEXT_PAIRS',
      found: `${pairs.length}`,
      expected: `${texts.length}, one for each text`,
    });
}

/**
 * Texts as token ids, with labels where there are some.
 *
 * @param names of the labels by index.
 * @throws DataError TEXT_EMPTY, TEXT_PAIRS, LABEL_COUNT, LABEL_UNKNOWN.
 */
export function tokenizeTexts(id: string, data: LabelledTexts, reader: Reader, names: readonly string[]): Split {
  checkTexts(data);
  const { texts, text_pairs: pairs, labels } = data;
  const values =
    labels === undefined
      ? undefined
      : Float32Array.from(labels, (label, row) => labelIndex(label, `text ${row}`, names));
  return splitOf(
    id,
    encode(reader, texts, pairs),
    reader.tokenizer.pad_token_id ?? 0,
    values === undefined ? undefined : { perRow: 1, values },
  );
}

/** Token ids of texts, or of pairs in one row each, cut where the model reads no more. */
export function encode({ tokenizer, longest }: Reader, texts: readonly string[], pairs?: readonly string[]): Encoded {
  return tokenizer([...texts], {
    ...(pairs === undefined ? {} : { text_pair: [...pairs] }),
    truncation: true,
    max_length: longest,
    padding: false,
    return_tensor: false,
  });
}
