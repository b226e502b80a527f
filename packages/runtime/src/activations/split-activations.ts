import type { Batch } from '@hadamard-adapter/core';
import type { ActivationCut, CutValue } from '@hadamard-adapter/compiler/internal';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { SplitSource } from '../executor/executor.js';

/** What keeping all of a split takes, bytes. */
export function activationBytes({ size, lengths }: SplitSource, { values }: ActivationCut): number {
  const tokens = Array.from({ length: size }, (_, row) => lengths[row] ?? 0).reduce((a, b) => a + b, 0);
  return (
    values.reduce((sum, { perToken, width }) => sum + (perToken ? tokens : size) * width, 0) *
    Float32Array.BYTES_PER_ELEMENT
  );
}

/**
 * The cut that saves most (they come in this order) among those whose activations of the whole split fit the budget;
 * the one that wants least memory when none does.
 */
export function chooseCut(
  split: SplitSource,
  cuts: readonly ActivationCut[],
  maxBytes: number,
): ActivationCut | undefined {
  const bySize = cuts.toSorted((a, b) => activationBytes(split, a) - activationBytes(split, b));
  return cuts.find((cut) => activationBytes(split, cut) <= maxBytes) ?? bySize[0];
}

/** One value of the cut, of every kept row: one row behind the other, without padding. */
interface Column {
  readonly value: CutValue;
  /** Where a row begins in `numbers`; −1 for a row that is not kept. */
  readonly offsets: Float64Array;
  readonly numbers: Float32Array;
}

/**
 * Activations at a cut, of as many rows of a split as fit into `maxBytes`. Rows are taken by length, then by number,
 * and computed in batches of `batchSize`: always the same rows in the same batch, since the last bits of a result
 * depend on the shape of the batch it was computed in, and a resumed run must find the same bits.
 */
export class SplitActivations {
  /** Number of rows that are kept. */
  readonly kept: number;
  /** Batches of rows to compute, shortest first. */
  readonly batches: readonly Int32Array[];
  private readonly lengths: SplitSource['lengths'];
  private readonly columns: readonly Column[];

  constructor(split: SplitSource, { values }: ActivationCut, maxBytes: number, batchSize: number) {
    this.lengths = split.lengths;
    const order = Int32Array.from({ length: split.size }, (_, row) => row).toSorted(
      (a, b) => this.lengthOf(a) - this.lengthOf(b) || a - b,
    );
    this.kept = this.fitting(order, values, maxBytes);
    const rows = order.subarray(0, this.kept);
    this.columns = values.map((value) => this.columnFor(value, rows, split.size));
    this.batches = Array.from({ length: Math.ceil(this.kept / batchSize) }, (_, i) =>
      rows.slice(i * batchSize, (i + 1) * batchSize),
    );
  }

  /** Hand in the activations of one planned batch, in the order of the cut's values. */
  put({ sequence, source }: Batch, activations: readonly Float32Array[]): void {
    for (const [at, { value, offsets, numbers }] of this.columns.entries()) {
      const stride = strideOf(value, sequence);
      source?.rows.forEach((row, i) =>
        numbers.set(
          elementAt(activations, at).subarray(i * stride, i * stride + this.sizeOf(row, value)),
          elementAt(offsets, row),
        ),
      );
    }
  }

  /**
   * The activations of a batch, an array for each value of the cut, padded to its length with zeros; undefined if a row
   * is not kept.
   */
  gather({ batch, sequence, source }: Batch): Float32Array[] | undefined {
    const rows = source?.rows;
    if (rows === undefined || !rows.every((row) => this.isKept(row))) return undefined;
    return this.columns.map(({ value, offsets, numbers }) => {
      const stride = strideOf(value, sequence);
      const result = new Float32Array(batch * stride);
      rows.forEach((row, i) => {
        const offset = elementAt(offsets, row);
        result.set(numbers.subarray(offset, offset + this.sizeOf(row, value)), i * stride);
      });
      return result;
    });
  }

  private isKept(row: number): boolean {
    return (this.columns[0]?.offsets[row] ?? -1) >= 0;
  }

  private lengthOf(row: number): number {
    return this.lengths[row] ?? 0;
  }

  private sizeOf(row: number, { perToken, width }: CutValue): number {
    return (perToken ? this.lengthOf(row) : 1) * width;
  }

  /** How many rows, in this order, fit into `maxBytes`. */
  private fitting(order: Int32Array, values: readonly CutValue[], maxBytes: number): number {
    let bytes = 0;
    let rows = 0;
    for (const row of order) {
      bytes += values.reduce((sum, value) => sum + this.sizeOf(row, value), 0) * Float32Array.BYTES_PER_ELEMENT;
      if (bytes > maxBytes) break;
      rows++;
    }
    return rows;
  }

  private columnFor(value: CutValue, rows: Int32Array, size: number): Column {
    const offsets = new Float64Array(size).fill(-1);
    let total = 0;
    for (const row of rows) {
      offsets[row] = total;
      total += this.sizeOf(row, value);
    }
    return { value, offsets, numbers: new Float32Array(total) };
  }
}

const strideOf = ({ perToken, width }: CutValue, sequence: number): number => (perToken ? sequence : 1) * width;
