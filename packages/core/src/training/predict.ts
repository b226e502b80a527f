import type { Split } from '../model/batch.js';
import { sequentialBatches } from './bucketing.js';
import { RuntimeError } from '../errors.js';
import type { TrainableModel } from '../model/model.js';

export interface PredictOptions {
  /** Default 64. */
  readonly batchSize?: number;
  /** Looked at between batches; aborting throws RuntimeError ABORTED. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Evaluation {
  /** Mean loss over the split. */
  readonly loss: number;
  /** The metric's main score. */
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
  /**
   * [rows, numLabels] in the order of the split. Of classes of tokens: of those that are judged, [judged, numLabels];
   * of spans: first and last token, [rows, 2].
   */
  readonly logits: Float32Array;
}

/** A model that answers. */
export type Predictor = Pick<TrainableModel, 'predict' | 'numLabels'>;

/**
 * Logits of every row of a split, [rows, numLabels] in the order of the split.
 *
 * @throws RuntimeError ABORTED, LOGITS_NOT_FINITE.
 */
export async function predictSplit(
  model: Predictor,
  split: Split,
  { batchSize = 64, signal, onProgress }: PredictOptions = {},
): Promise<Float32Array> {
  const { numLabels } = model;
  const logits = new Float32Array(split.size * numLabels);
  let done = 0;
  for (const rows of sequentialBatches(split.lengths, batchSize)) {
    stopIfAborted(signal);
    const part = await model.predict(split.batch(rows));
    rows.forEach((row, i) => logits.set(part.subarray(i * numLabels, (i + 1) * numLabels), row * numLabels));
    done += rows.length;
    onProgress?.(done, split.size);
  }
  checkFinite(logits, numLabels, (row) => `row ${row} of ${split.id}`);
  return logits;
}

export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new RuntimeError('Prediction was stopped', { code: 'ABORTED' });
}

/** @throws RuntimeError LOGITS_NOT_FINITE. */
export function checkFinite(logits: Float32Array, perRow: number, place: string | ((row: number) => string)): void {
  const broken = logits.findIndex((z) => !Number.isFinite(z));
  if (broken < 0) return;
  const where = typeof place === 'string' ? place : place(Math.floor(broken / perRow));
  throw new RuntimeError(`The model's answer for ${where} is not a number`, {
    code: 'LOGITS_NOT_FINITE',
    found: String(logits[broken]),
    hint: 'If it was just trained, train with a lower learning rate.',
  });
}
