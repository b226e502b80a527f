import { DataError, type Batch, type Split } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { Reader } from './reader.js';
import { splitOf } from './split.js';
import { checkTexts, encode, type LabelledTexts } from './texts.js';

/**
 * Pairs of texts, each text a row of its own: rows 2i and 2i + 1 of a batch belong together. Labels are how alike they
 * are, −1 … 1.
 *
 * @throws DataError TEXT_EMPTY, TEXT_PAIRS, LABEL_COUNT, TARGET_OUT_OF_RANGE.
 */
export function tokenizePairs(id: string, data: LabelledTexts, reader: Reader): Split {
  checkTexts(data);
  const { texts, text_pairs: others, labels } = data;
  if (others === undefined)
    throw new DataError('There is nothing to compare the texts with', {
      code: 'TEXT_PAIRS',
      found: 'no text_pairs',
      expected: `${texts.length}, one for each text`,
    });
  const values = labels === undefined ? undefined : Float32Array.from(labels, (label, row) => similarity(label, row));
  const rows = splitOf(
    id,
    encode(
      reader,
      texts.flatMap((text, i) => [text, elementAt(others, i)]),
    ),
    reader.tokenizer.pad_token_id ?? 0,
  );
  return {
    id,
    size: texts.length,
    lengths: Int32Array.from(texts, (_, i) =>
      Math.max(elementAt(rows.lengths, 2 * i), elementAt(rows.lengths, 2 * i + 1)),
    ),
    ...(values === undefined ? {} : { labels: values }),
    batch(picked): Batch {
      const both = Int32Array.from({ length: 2 * picked.length }, (_, i) => 2 * elementAt(picked, i >> 1) + (i & 1));
      return {
        ...rows.batch(both),
        pairs: true,
        ...(values === undefined ? {} : { labels: Float32Array.from(picked, (row) => elementAt(values, row)) }),
        source: { split: id, rows: Int32Array.from(picked) },
      };
    },
  };
}

function similarity(label: string | number, row: number): number {
  if (typeof label === 'number' && label >= -1 && label <= 1) return label;
  throw new DataError('A similarity is out of range', {
    code: 'TARGET_OUT_OF_RANGE',
    found: `${JSON.stringify(label)} for pair ${row}`,
    expected: 'a number from −1 (opposite) to 1 (alike)',
    hint: 'Divide scores of 0 … 5 by 5.',
  });
}
