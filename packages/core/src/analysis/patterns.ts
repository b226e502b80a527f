import { mean, quantileSorted, standardDeviation } from 'simple-statistics';
import { MismatchError } from '../errors.js';
import { elementAt, present } from '../values.js';

type Vector = Float32Array | Float64Array;

/**
 * Cosine of the angle between two vectors, −1 … 1; undefined when one of them is 0, since that has no direction. Sums
 * are kept in float64.
 *
 * @throws MismatchError VECTOR_LENGTH.
 */
export function cosine(left: Vector, right: Vector): number | undefined {
  if (left.length !== right.length)
    throw new MismatchError('Two vectors differ in length', {
      code: 'VECTOR_LENGTH',
      found: String(left.length),
      expected: String(right.length),
    });
  let [dot, squaresLeft, squaresRight] = [0, 0, 0];
  for (let i = 0; i < left.length; i++) {
    const [a, b] = [elementAt(left, i), elementAt(right, i)];
    dot += a * b;
    squaresLeft += a * a;
    squaresRight += b * b;
  }
  const lengths = Math.sqrt(squaresLeft) * Math.sqrt(squaresRight);
  return lengths === 0 ? undefined : Math.min(1, Math.max(-1, dot / lengths));
}

/** Cosines of all pairs of vectors: symmetric, 1 on the diagonal. */
export function cosineMatrix(vectors: readonly Vector[]): (number | undefined)[][] {
  return vectors.map((left) => vectors.map((right) => cosine(left, right)));
}

/** How numbers are spread. */
export interface Distribution {
  readonly mean: number;
  /** Standard deviation of these very numbers, not an estimate for others. */
  readonly deviation: number;
  readonly least: number;
  /** Quantiles, linear between neighbours, as NumPy's. */
  readonly q05: number;
  readonly q25: number;
  readonly median: number;
  readonly q75: number;
  readonly q95: number;
  readonly most: number;
}

/** Distribution of at least one finite number. */
export function distribution(values: Vector): Distribution {
  const sorted = Array.from(values).toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new RangeError('a distribution of no numbers');
  const at = (quantile: number): number => quantileSorted(sorted, quantile);
  return {
    mean: mean(sorted),
    deviation: standardDeviation(sorted),
    least: elementAt(sorted, 0),
    q05: at(0.05),
    q25: at(0.25),
    median: at(0.5),
    q75: at(0.75),
    q95: at(0.95),
    most: present(sorted.at(-1)),
  };
}
