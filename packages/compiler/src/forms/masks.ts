import { factsOf, sameDim, symbol, type Graph } from '@hadamard-adapter/graph/internal';

/**
 * Most negative float32: what Hugging Face adds to the score of a masked position. Finite, so that a row without tokens
 * cannot become NaN.
 */
export const MASKED = -3.4028234663852886e38;

/** Scores this low vanish in the softmax; exporters use -1e4 (fp16 habits) to -inf. */
export const VANISHING = -9_000;

/** Name of the canonical padding bias, [batch, 1, 1, sequence]: 0 for a token, `MASKED` for padding. */
export const PADDING_BIAS = 'padding_bias';

/**
 * Sizes at which masks are looked at: they are too many numbers to be told as expressions. Batch and sequence are
 * distinct primes that occur in no model, so that no axis passes for another, and the rows have every kind of padding.
 */
export const MASK_SAMPLES = [
  { batch: 3, sequence: 11 },
  { batch: 5, sequence: 13 },
] as const;

/** The graph input that holds the padding mask: named a mask, of shape [batch, sequence]. */
export function paddingMaskInput(graph: Graph): string | undefined {
  const facts = factsOf(graph);
  const masks = graph.inputs.filter(({ name }) => {
    const [rows, columns, ...rest] = facts.dims(name) ?? [];
    const isByToken = rest.length === 0 && sameDim(rows, symbol('batch')) && sameDim(columns, symbol('sequence'));
    return /attention_mask|^mask$/i.test(name) && isByToken;
  });
  return masks.length === 1 ? masks[0]?.name : undefined;
}
