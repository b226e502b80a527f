import type { Batch, Group, PrecomputeOptions } from '@hadamard-adapter/core';
import type { ActivationCut } from '@hadamard-adapter/compiler/internal';
import type { SplitSource } from '../executor/executor.js';
import { SplitActivations } from './split-activations.js';

/** Rows per batch when activations are computed ahead. */
const PRECOMPUTE_BATCH = 32;

/** Training that starts behind a cut, and the activations kept for it, by split. */
export class ActivationCache {
  /** The groups whose training they are valid for. */
  readonly groups: readonly Group[];
  readonly cut: ActivationCut;
  private readonly splits = new Map<string, SplitActivations>();

  constructor(groups: readonly Group[], cut: ActivationCut) {
    this.groups = groups;
    this.cut = cut;
  }

  /** Whether training of these groups may start from it. */
  serves(groups: readonly Group[]): boolean {
    return groupsKey(this.groups) === groupsKey(groups);
  }

  /** The activations of a batch, an array for each value of the cut; undefined if a row is not kept. */
  gather(batch: Batch): Float32Array[] | undefined {
    return batch.source === undefined ? undefined : this.splits.get(batch.source.split)?.gather(batch);
  }

  /**
   * Compute the activations of a split ahead, as many as fit.
   *
   * @param run the activations of one batch at the cut.
   * @returns how many rows are kept; 0 when it was stopped.
   */
  async fill(
    split: SplitSource,
    run: (batch: Batch) => Promise<readonly Float32Array[]>,
    { maxBytes, onProgress, signal }: PrecomputeOptions,
  ): Promise<number> {
    const activations = new SplitActivations(split, this.cut, maxBytes, PRECOMPUTE_BATCH);
    let done = 0;
    for (const rows of activations.batches) {
      if (signal?.aborted === true) return 0;
      const batch = await split.batch(rows);
      activations.put(batch, await run(batch));
      done += rows.length;
      onProgress?.(done, activations.kept);
    }
    this.splits.set(split.id, activations);
    return activations.kept;
  }
}

/** A name of a set of groups. */
export const groupsKey = (groups: readonly Group[]): string => [...groups].toSorted().join('+');

/** A name of a cut, and of none. */
export const cutKey = (cut: ActivationCut | undefined): string => cut?.values.map(({ name }) => name).join(' ') ?? '';
