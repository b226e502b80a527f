import { DataError } from '../errors.js';
import type { Metric } from './metrics.js';
import { elementAt } from '../values.js';

export interface Span {
  /** Number of the first and of the last token. */
  readonly first: number;
  readonly last: number;
  /** Sum of the two logits. */
  readonly score: number;
}

export interface SpanRange {
  /** Tokens from `from` to `to` (exclusive) may be in the span. */
  readonly from: number;
  readonly to: number;
  /** Default 30, as in Hugging Face's question-answering scripts. */
  readonly mostTokens?: number;
}

/**
 * The span with the largest sum of the logits of its two ends (Devlin et al., arXiv 1810.04805, section 4.2), the first
 * of equals.
 *
 * @param logits [tokens, 2]: of beginning and of ending there.
 * @throws DataError SPAN_EMPTY when there are no tokens to choose from.
 */
export function bestSpan(logits: Float32Array, { from, to, mostTokens = 30 }: SpanRange): Span {
  if (to <= from)
    throw new DataError('There is nothing to choose a span from', {
      code: 'SPAN_EMPTY',
      found: `tokens ${from} to ${to}`,
      expected: 'at least one',
      hint: 'Shorten the question: it leaves no room for its text.',
    });
  let best: Span = { first: from, last: from, score: Number.NEGATIVE_INFINITY };
  for (let first = from; first < to; first++) {
    for (let last = first; last < Math.min(to, first + mostTokens); last++) {
      const score = elementAt(logits, 2 * first) + elementAt(logits, 2 * last + 1);
      if (score > best.score) best = { first, last, score };
    }
  }
  return best;
}

/**
 * Share of spans that are met exactly, and as the main score the mean F1 of the tokens in them (Rajpurkar et al., arXiv
 * 1606.05250, section 6.1, there over words). Reads spans [rows, 2] in place of logits.
 */
export const spanMetric: Metric = {
  name: 'f1',
  main: 'f1',
  compute(spans, labels) {
    const rows = labels.length / 2;
    let [exact, overlap] = [0, 0];
    for (let row = 0; row < rows; row++) {
      const [first, last] = [elementAt(spans, 2 * row), elementAt(spans, 2 * row + 1)];
      const [from, to] = [elementAt(labels, 2 * row), elementAt(labels, 2 * row + 1)];
      if (first === from && last === to) exact++;
      const common = Math.max(0, Math.min(last, to) - Math.max(first, from) + 1);
      overlap += (2 * common) / (last - first + 1 + (to - from + 1));
    }
    return { f1: overlap / rows, exact_match: exact / rows };
  },
};
