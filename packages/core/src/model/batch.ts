/** Examples padded to one length. All matrices are row-major [batch, sequence]. */
export interface Batch {
  readonly batch: number;
  readonly sequence: number;
  readonly inputIds: Int32Array;
  /** 1 for a token, 0 for padding. */
  readonly attentionMask: Int32Array;
  /** Present when the tokenizer makes segment ids; a model without that input ignores it. */
  readonly tokenTypeIds?: Int32Array;
  /**
   * Cross-entropy: class index per row [batch]. MSE: target [batch, numLabels]. BCE: 0/1 per label [batch, numLabels].
   * Token cross-entropy: class index per token [batch, sequence], `IGNORED` for those that are not judged. Span: first
   * and last token [batch, 2].
   */
  readonly labels?: Float32Array;
  /**
   * Rows 2i and 2i + 1 are the two texts of one example, for the head `cosine`: labels and `source` have one entry for
   * both.
   */
  readonly pairs?: boolean;
  /** Where the rows come from: the split's id and the row numbers in it. Key of precomputed activations. */
  readonly source?: { readonly split: string; readonly rows: Int32Array };
}

/** A tokenized table of examples that can hand out any subset of its rows as one padded batch. */
export interface Split {
  /** Unique within a run: `train`, `dev`, … */
  readonly id: string;
  readonly size: number;
  /** Number of tokens of each example, [size]; what length bucketing sorts by. */
  readonly lengths: Int32Array;
  /**
   * Labels of all examples, in the layout of `Batch.labels`, where those of tokens follow each other without padding:
   * [Σ lengths]. Absent for text to classify.
   */
  readonly labels?: Float32Array;
  /** The rows, in the given order, padded to the longest of them; `source` is set. */
  batch(rows: Int32Array): Batch;
}

/**
 * Label of a token that is not judged: special tokens, padding, and what continues a word; PyTorch's `ignore_index`.
 */
export const IGNORED = -100;

/** The rows `from` to `to` (exclusive) of a batch, as views of it. A pair must not be torn apart. */
export function sliceRows(
  { batch, sequence, inputIds, attentionMask, tokenTypeIds, labels, pairs, source }: Batch,
  from: number,
  to: number,
): Batch {
  const part = (values: Int32Array): Int32Array => values.subarray(...ends(values));
  const ends = ({ length }: ArrayLike<number>): [number, number] => [(from * length) / batch, (to * length) / batch];
  return {
    batch: to - from,
    sequence,
    inputIds: part(inputIds),
    attentionMask: part(attentionMask),
    ...(tokenTypeIds === undefined ? {} : { tokenTypeIds: part(tokenTypeIds) }),
    ...(labels === undefined ? {} : { labels: labels.subarray(...ends(labels)) }),
    ...(pairs === undefined ? {} : { pairs }),
    ...(source === undefined ? {} : { source: { split: source.split, rows: part(source.rows) } }),
  };
}
