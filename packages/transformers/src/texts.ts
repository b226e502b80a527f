import { DataError, type Batch, type Split } from '@hadamard-adapter/core';
import type { LibraryConfig, LibraryTokenizer } from './library.js';

/** Texts, or pairs of them, with what they are. */
export interface LabelledTexts {
  readonly texts: readonly string[];
  readonly text_pairs?: readonly string[];
  /** One for each text: names, or indices of `id2label`. */
  readonly labels?: readonly (string | number)[];
}

/** Tokens that no model of this kind reads more of, where neither tokenizer nor model says how many. */
const MOST_TOKENS = 512;

/** What the model reads; a tokenizer that knows no bound says 10³⁰. RoBERTa keeps two positions for itself, which its tokenizer knows. */
export function maxLength(tokenizer: LibraryTokenizer, { max_position_embeddings: positions = MOST_TOKENS }: LibraryConfig): number {
  return Math.min(tokenizer.model_max_length ?? MOST_TOKENS, positions > 0 ? positions : MOST_TOKENS);
}

/**
 * Texts as token ids, with labels where there are some.
 *
 * @param ids index of each label name.
 * @throws DataError TEXT_EMPTY, TEXT_PAIRS, LABEL_COUNT, LABEL_UNKNOWN.
 */
export function tokenizeTexts(id: string, { texts, text_pairs: pairs, labels }: LabelledTexts, tokenizer: LibraryTokenizer, longest: number, ids: readonly string[]): Split {
  if (texts.length === 0) throw new DataError('There are no texts', { code: 'TEXT_EMPTY', expected: 'at least one' });
  if (pairs !== undefined && pairs.length !== texts.length) throw new DataError('Second texts do not match the first', { code: 'TEXT_PAIRS', found: `${pairs.length}`, expected: `${texts.length}, one for each text` });
  if (labels !== undefined && labels.length !== texts.length) throw new DataError('Labels do not match the texts', { code: 'LABEL_COUNT', found: `${labels.length}`, expected: `${texts.length}, one for each text` });
  const encoded = tokenizer([...texts], { ...(pairs === undefined ? {} : { text_pair: [...pairs] }), truncation: true, max_length: longest, padding: false, return_tensor: false });
  const rows = encoded.input_ids;
  const targets = labels === undefined ? undefined : Float32Array.from(labels, (label, row) => labelIndex(label, row, ids));
  return {
    id,
    size: texts.length,
    lengths: Int32Array.from(rows, (row) => row.length),
    ...(targets === undefined ? {} : { labels: targets }),
    batch(picked): Batch {
      const sequence = picked.reduce((most, row) => Math.max(most, rows[row]?.length ?? 0), 1);
      const matrix = (of: (row: number) => ArrayLike<number>, padding = 0): Int32Array => {
        const values = new Int32Array(picked.length * sequence).fill(padding);
        picked.forEach((row, i) => values.set(of(row), i * sequence));
        return values;
      };
      return {
        batch: picked.length,
        sequence,
        inputIds: matrix((row) => rows[row] ?? [], tokenizer.pad_token_id ?? 0),
        attentionMask: matrix((row) => (rows[row] ?? []).map(() => 1)),
        tokenTypeIds: matrix((row) => encoded.token_type_ids?.[row] ?? []),
        ...(targets === undefined ? {} : { labels: Float32Array.from(picked, (row) => targets[row] as number) }),
        source: { split: id, rows: Int32Array.from(picked) },
      };
    },
  };
}

function labelIndex(label: string | number, row: number, ids: readonly string[]): number {
  const index = typeof label === 'number' ? label : ids.indexOf(label);
  if (Number.isInteger(index) && index >= 0 && index < ids.length) return index;
  throw new DataError('A label is unknown', { code: 'LABEL_UNKNOWN', found: `${JSON.stringify(label)} for text ${row}`, expected: `one of ${ids.join(', ')}, or an index from 0 to ${ids.length - 1}` });
}

/** The labels of these texts in alphabetic order; numbers by their names. */
export function labelNames({ labels = [] }: LabelledTexts): string[] {
  if (labels.every((label) => typeof label === 'number')) return Array.from({ length: Math.max(1, ...labels.map((label) => label + 1)) }, (_, i) => `LABEL_${i}`);
  return [...new Set(labels.map(String))].toSorted();
}
