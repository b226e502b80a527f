import { IGNORED, type Split } from '../model/batch.js';
import { DataError } from '../errors.js';
import { evaluateTokens } from './evaluate-tokens.js';
import { predictSplit, type Evaluation, type PredictOptions, type Predictor } from './predict.js';
import { argmax, checkTargets, isTokenLoss, referenceLoss, targetMatrix } from '../math/loss.js';
import type { Metric } from '../metrics/metrics.js';
import type { Loss, RowLoss, TrainableModel } from '../model/model.js';
import { elementAt } from '../values.js';

/**
 * Predict a labelled split and score it.
 *
 * @throws DataError SPLIT_LABELS, SPLIT_EMPTY, those of `checkTargets`; RuntimeError as `predictSplit`.
 */
export async function evaluate(
  model: Predictor & Pick<TrainableModel, 'loss'>,
  split: Split,
  metric: Metric,
  options: PredictOptions = {},
): Promise<Evaluation> {
  const { loss: kind, numLabels } = model;
  const labels = labelsOf(split, kind, numLabels);
  if (isTokenLoss(kind)) return evaluateTokens(model, kind, split, labels, metric, options);
  const logits = await predictSplit(model, split, options);
  const { loss } = referenceLoss(
    kind,
    logits,
    targetMatrix(labels, kind, numLabels, { batch: split.size, sequence: 1 }),
    numLabels,
  );
  const scores = metric.compute(logits, labels, numLabels);
  return { loss, score: scores[metric.main] ?? Number.NaN, scores, logits };
}

/**
 * The labels of a split that can be learned from or scored.
 *
 * @throws DataError SPLIT_EMPTY, SPLIT_LABELS, those of `checkTargets`.
 */
export function labelsOf({ id, size, lengths, labels }: Split, loss: Loss, numLabels: number): Float32Array {
  if (size === 0)
    throw new DataError(`Split ${id} is empty`, { code: 'SPLIT_EMPTY', found: '0 rows', expected: 'at least 1' });
  if (labels === undefined)
    throw new DataError(`Split ${id} has no labels`, { code: 'SPLIT_LABELS', expected: 'a label for every row' });
  checkTargets(labels, loss, numLabels, { rows: size, tokens: lengths.reduce((sum, length) => sum + length, 0) });
  if (labels.every((label) => label === IGNORED))
    throw new DataError(`No token of split ${id} is labelled`, {
      code: 'TARGET_NONE',
      found: `${IGNORED} for all`,
      expected: 'a class for at least one token',
    });
  return labels;
}

/** The most frequent class; the smallest of equals. */
export function majorityClass(labels: Float32Array, numLabels: number): number {
  const counts = new Float32Array(numLabels);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return argmax(counts, numLabels)[0] ?? 0;
}

/**
 * Scores of a model that has only looked at the training labels: it answers the majority class (cross-entropy), or the
 * mean target of each label (MSE, BCE).
 *
 * @param trainLabels in the layout of `Batch.labels`, as `labels`, on which it is scored.
 */
export function baselineScores(
  trainLabels: Float32Array,
  labels: Float32Array,
  metric: Metric,
  loss: RowLoss,
  numLabels: number,
): Readonly<Record<string, number>> {
  const answer = new Float32Array(numLabels);
  if (loss === 'cross-entropy') answer[majorityClass(trainLabels, numLabels)] = 1;
  else {
    const rows = trainLabels.length / numLabels;
    trainLabels.forEach((target, i) => (answer[i % numLabels] = elementAt(answer, i % numLabels) + target / rows));
    // As a logit: positive where the label is more often on than off.
    if (loss === 'bce') answer.forEach((mean, i) => (answer[i] = mean - 0.5));
  }
  const rows = loss === 'cross-entropy' ? labels.length : labels.length / numLabels;
  const logits = Float32Array.from({ length: rows * numLabels }, (_, i) => elementAt(answer, i % numLabels));
  return metric.compute(logits, labels, numLabels);
}
