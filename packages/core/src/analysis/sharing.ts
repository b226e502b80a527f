import { MismatchError } from '../errors.js';
import { elementAt } from '../values.js';

/**
 * Mean of flat vectors, number by number, summed in float64: the adapter that several tasks share when nothing is
 * trained for it.
 *
 * @throws MismatchError VECTOR_LENGTH, also for no vectors.
 */
export function meanVector(vectors: readonly Float32Array[]): Float32Array {
  const [first] = vectors;
  const other = vectors.find(({ length }) => length !== first?.length);
  if (first === undefined || other !== undefined) {
    throw new MismatchError('Only vectors of one length have a mean', {
      code: 'VECTOR_LENGTH',
      found: first === undefined ? 'no vectors' : String(other?.length),
      expected: first === undefined ? 'at least one' : String(first.length),
    });
  }
  return Float32Array.from(
    first,
    (_, i) => vectors.reduce((sum, vector) => sum + elementAt(vector, i), 0) / vectors.length,
  );
}

export interface BasisSize {
  readonly tasks: number;
  readonly rank: number;
  /** Numbers of one adapter with its norms. */
  readonly numbers: number;
  /** Parts that have a basis of their own: 1, or one for each layer. Default 1. */
  readonly parts?: number;
}

/**
 * Numbers that adapters of low rank over tasks take: a basis of `rank` vectors for all tasks, and a coordinate for each
 * task, vector and part.
 */
export function numbersOfBasis({ tasks, rank, numbers, parts = 1 }: BasisSize): number {
  return rank * numbers + tasks * rank * parts;
}
