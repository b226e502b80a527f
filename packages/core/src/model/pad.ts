import type { Batch } from './batch.js';

/** Tokens of the rows of a split. */
export interface RowTokens {
  /** Id of the split. */
  readonly split: string;
  ids(row: number): ArrayLike<number>;
  /** Segment ids, as many; 0 where there are none. */
  types(row: number): ArrayLike<number>;
  /** Id that fills up. */
  readonly padding: number;
}

/** Rows of different lengths as one matrix [rows, sequence], filled up behind each. */
export function padRows(
  rows: Int32Array,
  sequence: number,
  valuesOf: (row: number) => ArrayLike<number>,
  fill = 0,
): Int32Array {
  const matrix = new Int32Array(rows.length * sequence).fill(fill);
  rows.forEach((row, i) => matrix.set(valuesOf(row), i * sequence));
  return matrix;
}

/** Rows of a split as a batch of the length of its longest row, at least 1; without labels. */
export function padBatch({ split, ids, types, padding }: RowTokens, rows: Int32Array): Batch {
  const lengths = Array.from(rows, (row) => ids(row).length);
  const sequence = lengths.reduce((most, length) => Math.max(most, length), 1);
  const attentionMask = new Int32Array(rows.length * sequence);
  lengths.forEach((length, i) => attentionMask.fill(1, i * sequence, i * sequence + length));
  return {
    batch: rows.length,
    sequence,
    inputIds: padRows(rows, sequence, ids, padding),
    attentionMask,
    tokenTypeIds: padRows(rows, sequence, types),
    source: { split, rows },
  };
}
