import { IGNORED, type Batch, type Split } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { Encoded } from '../library.js';

/** What rows are labelled with: numbers for each row, or one for each token. */
export type RowLabels =
  | { readonly perRow: number; readonly values: Float32Array }
  | { readonly tokens: readonly (readonly number[])[] };

/** Token ids as a split, padded where a batch is made. */
export function splitOf(
  id: string,
  { input_ids: rows, token_type_ids: types }: Encoded,
  padding: number,
  labels?: RowLabels,
): Split {
  const matrix = (
    picked: Int32Array,
    sequence: number,
    of: (row: number) => ArrayLike<number>,
    fill = 0,
  ): Int32Array => {
    const values = new Int32Array(picked.length * sequence).fill(fill);
    picked.forEach((row, i) => values.set(of(row), i * sequence));
    return values;
  };
  const labelsOf = (picked: Int32Array, sequence: number): Float32Array | undefined => {
    if (labels === undefined) return undefined;
    if ('tokens' in labels)
      return Float32Array.from(matrix(picked, sequence, (row) => labels.tokens[row] ?? [], IGNORED));
    return Float32Array.from({ length: picked.length * labels.perRow }, (_, i) =>
      elementAt(labels.values, elementAt(picked, Math.floor(i / labels.perRow)) * labels.perRow + (i % labels.perRow)),
    );
  };
  const all =
    labels === undefined ? undefined : 'tokens' in labels ? Float32Array.from(labels.tokens.flat()) : labels.values;
  return {
    id,
    size: rows.length,
    lengths: Int32Array.from(rows, (row) => row.length),
    ...(all === undefined ? {} : { labels: all }),
    batch(picked): Batch {
      const sequence = picked.reduce((most, row) => Math.max(most, rows[row]?.length ?? 0), 1);
      const own = labelsOf(picked, sequence);
      return {
        batch: picked.length,
        sequence,
        inputIds: matrix(picked, sequence, (row) => rows[row] ?? [], padding),
        attentionMask: matrix(picked, sequence, (row) => (rows[row] ?? []).map(() => 1)),
        tokenTypeIds: matrix(picked, sequence, (row) => types?.[row] ?? []),
        ...(own === undefined ? {} : { labels: own }),
        source: { split: id, rows: Int32Array.from(picked) },
      };
    },
  };
}
