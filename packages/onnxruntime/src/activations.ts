import type { Batch } from '@hadamard-adapter/core';
import type { ActivationCut, CutValue } from '@hadamard-adapter/compiler/internal';
import type { SplitSource } from '@hadamard-adapter/runtime/internal';

/** Activations at the cut, kept per example and without padding. */
export interface ActivationStore {
  readonly kept: number;
  /**
   * The activations of a batch, an array for each value of the cut, padded to its length with zeros; undefined if
   * a row is not kept.
   */
  gather(batch: Batch): Float32Array[] | undefined;
}

export interface FillPlan {
  /** Batches of rows to compute, shortest first: together the rows that fit the budget. */
  readonly batches: readonly Int32Array[];
  readonly store: ActivationStore;
  /** Hand in the activations of one planned batch, in the order of the cut's values. */
  put(batch: Batch, activations: readonly Float32Array[]): void;
}

/** What keeping all of a split takes, bytes. */
export function activationBytes({ size, lengths }: SplitSource, { values }: ActivationCut): number {
  const tokens = Array.from({ length: size }, (_, row) => lengths[row] ?? 0).reduce((a, b) => a + b, 0);
  return (
    values.reduce((sum, { perToken, width }) => sum + (perToken ? tokens : size) * width, 0) *
    Float32Array.BYTES_PER_ELEMENT
  );
}

/**
 * The cut that saves most (they come in this order) among those whose activations of the whole split fit the
 * budget; the one that wants least memory when none does.
 */
export function chooseCut(
  split: SplitSource,
  cuts: readonly ActivationCut[],
  maxBytes: number,
): ActivationCut | undefined {
  const bySize = cuts.toSorted((a, b) => activationBytes(split, a) - activationBytes(split, b));
  return cuts.find((cut) => activationBytes(split, cut) <= maxBytes) ?? bySize[0];
}

/**
 * Plan what to keep of a split within `maxBytes`. Rows are taken by length, then by number, in batches of `batchSize`:
 * always the same rows in the same company, since the last bits of a result depend on the shape of the batch it was
 * computed in, and a resumed run must find the same bits.
 */
export function planActivations(
  split: SplitSource,
  { values }: ActivationCut,
  maxBytes: number,
  batchSize: number,
): FillPlan {
  const order = Int32Array.from({ length: split.size }, (_, row) => row).toSorted(
    (a, b) => lengthOf(a) - lengthOf(b) || a - b,
  );
  function lengthOf(row: number): number {
    return split.lengths[row] ?? 0;
  }
  const sizeOf = (row: number, { perToken, width }: CutValue): number => (perToken ? lengthOf(row) : 1) * width;
  const bytesOf = (row: number): number =>
    values.reduce((sum, value) => sum + sizeOf(row, value), 0) * Float32Array.BYTES_PER_ELEMENT;

  let bytes = 0;
  let kept = 0;
  for (const row of order) {
    bytes += bytesOf(row);
    if (bytes > maxBytes) break;
    kept++;
  }
  const stores = values.map((value) => {
    const offsets = new Float64Array(split.size).fill(-1);
    let total = 0;
    for (const row of order.subarray(0, kept)) {
      offsets[row] = total;
      total += sizeOf(row, value);
    }
    return { value, offsets, numbers: new Float32Array(total) };
  });
  const isKept = (row: number): boolean => (stores[0]?.offsets[row] ?? -1) >= 0;
  const strideOf = ({ perToken, width }: CutValue, sequence: number): number => (perToken ? sequence : 1) * width;
  const batches: Int32Array[] = [];
  for (let start = 0; start < kept; start += batchSize)
    batches.push(order.slice(start, Math.min(start + batchSize, kept)));

  return {
    batches,
    put({ sequence, source }, activations) {
      for (const [at, { value, offsets, numbers }] of stores.entries()) {
        const stride = strideOf(value, sequence);
        source?.rows.forEach((row, i) =>
          numbers.set(
            (activations[at] as Float32Array).subarray(i * stride, i * stride + sizeOf(row, value)),
            offsets[row] as number,
          ),
        );
      }
    },
    store: {
      kept,
      gather({ batch, sequence, source }) {
        const rows = source?.rows;
        if (rows === undefined || !rows.every(isKept)) return undefined;
        return stores.map(({ value, offsets, numbers }) => {
          const stride = strideOf(value, sequence);
          const result = new Float32Array(batch * stride);
          rows.forEach((row, i) => {
            const offset = offsets[row] as number;
            result.set(numbers.subarray(offset, offset + sizeOf(row, value)), i * stride);
          });
          return result;
        });
      },
    },
  };
}
