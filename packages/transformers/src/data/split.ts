import { IGNORED, type Batch, type Split } from '@hadamard-adapter/core';
import { elementAt, padBatch, padRows, type RowTokens } from '@hadamard-adapter/core/internal';
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
  const labelsOf = (picked: Int32Array, sequence: number): Float32Array | undefined => {
    if (labels === undefined) return undefined;
    if ('tokens' in labels)
      return Float32Array.from(padRows(picked, sequence, (row) => labels.tokens[row] ?? [], IGNORED));
    return Float32Array.from({ length: picked.length * labels.perRow }, (_, i) =>
      elementAt(labels.values, elementAt(picked, Math.floor(i / labels.perRow)) * labels.perRow + (i % labels.perRow)),
    );
  };
  const tokens: RowTokens = {
    split: id,
    ids: (row) => rows[row] ?? [],
    types: (row) => types?.[row] ?? [],
    padding,
  };
  const all =
    labels === undefined ? undefined : 'tokens' in labels ? Float32Array.from(labels.tokens.flat()) : labels.values;
  return {
    id,
    size: rows.length,
    lengths: Int32Array.from(rows, (row) => row.length),
    ...(all === undefined ? {} : { labels: all }),
    batch(picked): Batch {
      const batch = padBatch(tokens, Int32Array.from(picked));
      const own = labelsOf(picked, batch.sequence);
      return { ...batch, ...(own === undefined ? {} : { labels: own }) };
    },
  };
}
