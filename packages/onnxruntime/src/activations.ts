import type { Batch } from '@hadamard-adapter/core';
import type { Frontier, SplitSource } from '@hadamard-adapter/onnx';

/** Activations at the frontier, kept per example and without padding. */
export interface ActivationStore {
  readonly kept: number;
  /** The activations of a batch, padded to its length with zeros ([batch, sequence, width] or [batch, width]); undefined if a row is not kept. */
  gather(batch: Batch): Float32Array | undefined;
}

export interface FillPlan {
  /** Batches of rows to compute, shortest first: together the rows that fit the budget. */
  readonly batches: readonly Int32Array[];
  readonly store: ActivationStore;
  /** Hand in the activations of one planned batch. */
  put(batch: Batch, activations: Float32Array): void;
}

/**
 * Plan what to keep of a split within `maxBytes`. Rows are taken by length, then by number, in batches of `batchSize`: always the same rows in the same company, since
 * the last bits of a result depend on the shape of the batch it was computed in, and a resumed run must find the same bits.
 */
export function planActivations(split: SplitSource, { perToken, width }: Frontier, maxBytes: number, batchSize: number): FillPlan {
  const order = Int32Array.from({ length: split.size }, (_, row) => row).toSorted((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  function lengthOf(row: number): number {
    return split.lengths[row] ?? 0;
  }
  const sizeOf = (row: number): number => (perToken ? lengthOf(row) : 1) * width;

  const offsets = new Float64Array(split.size).fill(-1);
  let total = 0;
  let kept = 0;
  for (const row of order) {
    if ((total + sizeOf(row)) * Float32Array.BYTES_PER_ELEMENT > maxBytes) break;
    offsets[row] = total;
    total += sizeOf(row);
    kept++;
  }
  const values = new Float32Array(total);
  const batches: Int32Array[] = [];
  for (let start = 0; start < kept; start += batchSize) batches.push(order.slice(start, Math.min(start + batchSize, kept)));

  return {
    batches,
    put(batch, activations) {
      const stride = (perToken ? batch.sequence : 1) * width;
      batch.source?.rows.forEach((row, i) => values.set(activations.subarray(i * stride, i * stride + sizeOf(row)), offsets[row] as number));
    },
    store: {
      kept,
      gather({ batch, sequence, source }) {
        const rows = source?.rows;
        if (rows === undefined || rows.some((row) => (offsets[row] ?? -1) < 0)) return undefined;
        const stride = (perToken ? sequence : 1) * width;
        const result = new Float32Array(batch * stride);
        rows.forEach((row, i) => {
          const offset = offsets[row] as number;
          result.set(values.subarray(offset, offset + sizeOf(row)), i * stride);
        });
        return result;
      },
    },
  };
}
