import { DataError } from '../errors.js';
import { spearman } from '../metrics/metrics.js';
import { elementAt } from '../values.js';

/** How alike two orders are, −1 (opposite) … 1 (the same); 0 when one side is constant. */
export interface Agreement {
  /** Spearman's rank correlation. */
  readonly spearman: number;
  /**
   * Kendall's τ-b: of the pairs of layers, the share that both put in the same order less the share that they do not;
   * ties count for neither.
   */
  readonly kendall: number;
}

/**
 * Agreement of a predictor with what it is to predict.
 *
 * @throws DataError METRIC_LENGTH, METRIC_NOT_FINITE.
 */
export function rankAgreement(predicted: readonly number[], truth: readonly number[]): Agreement {
  return { spearman: spearman(predicted, truth), kendall: kendallTau(predicted, truth) };
}

/**
 * Kendall's τ-b, (same − opposite) / √(pairs not tied on the left · pairs not tied on the right). 0 when either side is
 * constant.
 *
 * @throws DataError METRIC_LENGTH.
 */
export function kendallTau(left: readonly number[], right: readonly number[]): number {
  if (left.length !== right.length)
    throw new DataError('Two orders differ in length', {
      code: 'METRIC_LENGTH',
      found: String(left.length),
      expected: String(right.length),
    });
  let [difference, untiedLeft, untiedRight] = [0, 0, 0];
  for (let i = 0; i < left.length; i++) {
    for (let j = 0; j < i; j++) {
      const a = Math.sign(elementAt(left, i) - elementAt(left, j));
      const b = Math.sign(elementAt(right, i) - elementAt(right, j));
      difference += a * b;
      untiedLeft += Math.abs(a);
      untiedRight += Math.abs(b);
    }
  }
  const pairs = Math.sqrt(untiedLeft * untiedRight);
  return pairs === 0 ? 0 : difference / pairs;
}
