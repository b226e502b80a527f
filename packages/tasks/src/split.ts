import { RuntimeError, type Batch, type Split } from '@hadamard-adapter/core';
import { elementAt, padBatch, present, type RowTokens } from '@hadamard-adapter/core/internal';
import type { ExampleTable } from './examples.js';
import type { Tokenizer } from './tokenizer.js';

export interface TokenizeOptions {
  /** Id of the split, see core's `Split`. */
  readonly id: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface TokenizedSplit extends Split {
  /** Examples that were cut to the maximum length. */
  readonly truncated: number;
}

/**
 * Tokenize a table. Ids are kept in one array; batches are padded when they are asked for.
 *
 * @throws RuntimeError ABORTED.
 */
export async function tokenize(
  { examples }: ExampleTable,
  tokenizer: Tokenizer,
  { id, signal, onProgress }: TokenizeOptions,
): Promise<TokenizedSplit> {
  const lengths = new Int32Array(examples.length);
  const offsets = new Float64Array(examples.length + 1);
  let ids = new Int32Array(Math.max(16, examples.length * 16));
  let types = new Uint8Array(ids.length);
  let truncated = 0;
  for (const [row, { text, pair }] of examples.entries()) {
    const encoding = tokenizer.encode(text, pair);
    const [start, end] = [elementAt(offsets, row), elementAt(offsets, row) + encoding.ids.length];
    if (end > ids.length) {
      ids = grown(ids, new Int32Array(2 * end));
      types = grown(types, new Uint8Array(2 * end));
    }
    ids.set(encoding.ids, start);
    types.set(encoding.typeIds, start);
    lengths[row] = encoding.ids.length;
    offsets[row + 1] = end;
    if (encoding.truncated) truncated++;
    if (row % 512 === 511) {
      if (signal?.aborted === true) throw new RuntimeError('Tokenization was stopped', { code: 'ABORTED' });
      onProgress?.(row + 1, examples.length);
      // Lets a page breathe, and Ctrl-C through.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  const labelled = examples.length > 0 && examples.every(({ label }) => label !== undefined);
  const labels = labelled ? Float32Array.from(examples, ({ label }) => present(label)) : undefined;
  const of = (values: Int32Array | Uint8Array, row: number): ArrayLike<number> =>
    values.subarray(elementAt(offsets, row), elementAt(offsets, row + 1));
  const tokens: RowTokens = {
    split: id,
    ids: (row) => of(ids, row),
    types: (row) => of(types, row),
    padding: tokenizer.padId,
  };
  return {
    id,
    size: examples.length,
    lengths,
    truncated,
    ...(labels === undefined ? {} : { labels }),
    batch(rows): Batch {
      return {
        ...padBatch(tokens, rows),
        ...(labels === undefined ? {} : { labels: Float32Array.from(rows, (row) => elementAt(labels, row)) }),
      };
    },
  };
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
