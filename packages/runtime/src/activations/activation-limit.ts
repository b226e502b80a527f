import type { Batch, Group } from '@hadamard-adapter/core';
import {
  trainingActivations,
  type ActivationBudget,
  type ActivationCut,
  type AdapterModel,
  type BatchSize,
} from '@hadamard-adapter/compiler/internal';
import { cutKey, groupsKey } from './activation-cache.js';

/**
 * A processor is as fast with some rows at a time as with all at once, so that a batch that keeps more than this
 * between forward and backward goes through in parts (BERT-base: four rows of 128 tokens). A GPU has its own memory and
 * wants large batches.
 */
const PROCESSOR_BYTES = 2 ** 28;
const LOW_MEMORY_BYTES = 2 ** 27;

export interface ActivationLimitOptions {
  /** A limit of the caller's own, bytes: a single row that keeps more is computed again in part. */
  readonly maxActivationBytes?: number | undefined;
  readonly lowMemory?: boolean | undefined;
  /** Whether the device has memory of its own. */
  readonly ownMemory: boolean;
}

/** What a training step may keep between forward and backward. */
export class ActivationLimit {
  private readonly model: AdapterModel;
  private readonly maxBytes: number;
  /** The caller's own limit: it also bounds a single row. */
  private readonly recomputeAbove: number | undefined;
  /** The largest batch so far. */
  private largest: BatchSize = { batch: 0, sequence: 0 };
  /** What a batch keeps, by groups and cut. */
  private readonly measured = new Map<string, (size: BatchSize) => number>();

  constructor(model: AdapterModel, { maxActivationBytes, lowMemory = false, ownMemory }: ActivationLimitOptions) {
    this.model = model;
    this.recomputeAbove = maxActivationBytes;
    this.maxBytes =
      maxActivationBytes ?? (lowMemory ? LOW_MEMORY_BYTES : ownMemory ? Number.POSITIVE_INFINITY : PROCESSOR_BYTES);
  }

  /** Rows of the largest micro-batch that keeps no more, at least 1. */
  microBatchRows(groups: readonly Group[], { batch, sequence }: Batch, cut: ActivationCut | undefined): number {
    return this.maxBytes === Number.POSITIVE_INFINITY
      ? batch
      : Math.max(1, Math.floor(this.maxBytes / this.rowBytes(groups, sequence, cut)));
  }

  /**
   * Take note of a batch that is trained with. Whether it is the largest so far, so that a training graph that was made
   * for a smaller one has to be given up.
   */
  grow({ batch, sequence }: Batch): boolean {
    if (this.recomputeAbove === undefined || batch * sequence <= this.largest.batch * this.largest.sequence)
      return false;
    this.largest = { batch, sequence };
    return true;
  }

  /** What a training graph has to keep to, for the largest batch so far; undefined where nothing is computed twice. */
  get budget(): ActivationBudget | undefined {
    return this.recomputeAbove === undefined ? undefined : { maxBytes: this.recomputeAbove, ...this.largest };
  }

  /** What a row keeps does not depend on the others, so one with this many tokens is measured. */
  private rowBytes(groups: readonly Group[], sequence: number, cut: ActivationCut | undefined): number {
    const key = `${groupsKey(groups)}:${cutKey(cut)}`;
    const bytes = this.measured.get(key) ?? trainingActivations(this.model, groups, cut);
    this.measured.set(key, bytes);
    return bytes({ batch: 1, sequence });
  }
}
