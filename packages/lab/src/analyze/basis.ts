import { SingularValueDecomposition } from 'ml-matrix';
import { elementAt } from '@hadamard-adapter/core/internal';

/**
 * Vectors of several tasks in a basis that they share: the best approximation of each rank, in the sense of least
 * squares (Eckart and Young 1936).
 */
export interface Basis {
  /** Singular values, largest first, as many as there are tasks. */
  readonly singular: readonly number[];
  /** The vectors of all tasks rebuilt from `rank` basis vectors. */
  rebuilt(rank: number): Float32Array[];
}

/** @param vectors one for each task, of one length that is at least their number. */
export function basisOf(vectors: readonly Float32Array[]): Basis {
  // Few tasks and long vectors: the decomposition is that of the transpose, [length, tasks].
  const matrix = Array.from(vectors[0] ?? [], (_, i) => vectors.map((vector) => elementAt(vector, i)));
  const {
    leftSingularVectors: left,
    rightSingularVectors: right,
    diagonal,
  } = new SingularValueDecomposition(matrix, { autoTranspose: true });
  return {
    singular: diagonal,
    rebuilt(rank) {
      return vectors.map((vector, task) =>
        vector.map((_, i) => {
          let sum = 0;
          for (let k = 0; k < Math.min(rank, diagonal.length); k++)
            sum += left.get(i, k) * elementAt(diagonal, k) * right.get(task, k);
          return sum;
        }),
      );
    },
  };
}

/**
 * Share of the squared length of all vectors that the first `rank` basis vectors hold, 0 … 1; 1 when there is no
 * length.
 */
export function heldBy(singular: readonly number[], rank: number): number {
  const squares = singular.map((value) => value * value);
  const all = squares.reduce((sum, value) => sum + value, 0);
  return all === 0 ? 1 : squares.slice(0, rank).reduce((sum, value) => sum + value, 0) / all;
}
