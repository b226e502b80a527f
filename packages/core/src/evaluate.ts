import type { Split } from './batch.js';
import { sequentialBatches } from './bucketing.js';
import { DataError, RuntimeError } from './errors.js';
import { argmax, checkTargets, referenceLoss, targetMatrix } from './loss.js';
import type { Metric } from './metrics.js';
import type { Loss, TrainableModel } from './model.js';

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
  /** [rows, numLabels] in the order of the split. */
  readonly logits: Float32Array;
}

type Predictor = Pick<TrainableModel, 'predict' | 'numLabels'>;

/**
 * Logits of every row of a split, [rows, numLabels] in the order of the split.
 *
 * @throws RuntimeError ABORTED, LOGITS_NOT_FINITE.
 */
export async function predictSplit(model: Predictor, split: Split, { batchSize = 64, signal, onProgress }: PredictOptions = {}): Promise<Float32Array> {
  const { numLabels } = model;
  const logits = new Float32Array(split.size * numLabels);
  let done = 0;
  for (const rows of sequentialBatches(split.lengths, batchSize)) {
    if (signal?.aborted === true) throw new RuntimeError('Prediction was stopped', { code: 'ABORTED' });
    const part = await model.predict(split.batch(rows));
    rows.forEach((row, i) => logits.set(part.subarray(i * numLabels, (i + 1) * numLabels), row * numLabels));
    done += rows.length;
    onProgress?.(done, split.size);
  }
  const broken = logits.findIndex((z) => !Number.isFinite(z));
  if (broken >= 0) {
    throw new RuntimeError(`The model's answer for row ${Math.floor(broken / numLabels)} of ${split.id} is not a number`, {
      code: 'LOGITS_NOT_FINITE',
      found: String(logits[broken]),
      hint: 'If it was just trained, train with a lower learning rate.',
    });
  }
  return logits;
}

/**
 * Predict a labelled split and score it.
 *
 * @throws DataError SPLIT_LABELS, SPLIT_EMPTY, those of `checkTargets`; RuntimeError as `predictSplit`.
 */
export async function evaluate(model: Predictor & Pick<TrainableModel, 'loss'>, split: Split, metric: Metric, options: PredictOptions = {}): Promise<Evaluation> {
  const labels = labelsOf(split, model.loss, model.numLabels);
  const logits = await predictSplit(model, split, options);
  const { loss } = referenceLoss(model.loss, logits, targetMatrix(labels, model.loss, model.numLabels, split.size), model.numLabels);
  const scores = metric.compute(logits, labels, model.numLabels);
  return { loss, score: scores[metric.main] as number, scores, logits };
}

/**
 * The labels of a split that can be learned from or scored.
 *
 * @throws DataError SPLIT_EMPTY, SPLIT_LABELS, those of `checkTargets`.
 */
export function labelsOf({ id, size, labels }: Split, loss: Loss, numLabels: number): Float32Array {
  if (size === 0) throw new DataError(`Split ${id} is empty`, { code: 'SPLIT_EMPTY', found: '0 rows', expected: 'at least 1' });
  if (labels === undefined) throw new DataError(`Split ${id} has no labels`, { code: 'SPLIT_LABELS', expected: 'a label for every row' });
  checkTargets(labels, loss, numLabels, size);
  return labels;
}

/** The most frequent class; the smallest of equals. */
export function majorityClass(labels: Float32Array, numLabels: number): number {
  const counts = new Float32Array(numLabels);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return argmax(counts, numLabels)[0] ?? 0;
}

/**
 * Scores of a model that has only looked at the training labels: it answers the majority class (cross-entropy), or the mean target of each label (MSE, BCE).
 *
 * @param trainLabels in the layout of `Batch.labels`, as `labels`, on which it is scored.
 */
export function baselineScores(trainLabels: Float32Array, labels: Float32Array, metric: Metric, loss: Loss, numLabels: number): Readonly<Record<string, number>> {
  const answer = new Float32Array(numLabels);
  if (loss === 'cross-entropy') answer[majorityClass(trainLabels, numLabels)] = 1;
  else {
    const rows = trainLabels.length / numLabels;
    trainLabels.forEach((target, i) => (answer[i % numLabels] = (answer[i % numLabels] as number) + target / rows));
    // As a logit: positive where the label is more often on than off.
    if (loss === 'bce') answer.forEach((mean, i) => (answer[i] = mean - 0.5));
  }
  const rows = loss === 'cross-entropy' ? labels.length : labels.length / numLabels;
  const logits = Float32Array.from({ length: rows * numLabels }, (_, i) => answer[i % numLabels] as number);
  return metric.compute(logits, labels, numLabels);
}
