import { IGNORED } from '../model/batch.js';
import { ConfigError, DataError } from '../errors.js';
import type { Loss, RowLoss, TokenLoss } from '../model/model.js';
import { elementAt } from '../values.js';

/** Whether a loss has an answer for each token. */
export const isTokenLoss = (loss: Loss): loss is TokenLoss =>
  loss === 'token-cross-entropy' || loss === 'span-cross-entropy';

/** @throws ConfigError LOSS_TOKENS for a loss with an answer for each token. */
export function rowLoss(loss: Loss): RowLoss {
  if (!isTokenLoss(loss)) return loss;
  throw new ConfigError('The model answers for tokens, not for texts', {
    code: 'LOSS_TOKENS',
    found: `loss ${loss}`,
    expected: 'cross-entropy, mse or bce',
    hint: 'Token classification and question answering run through @hadamard-adapter/transformers.',
  });
}

/** Size of what labels belong to. */
export interface LabelledRows {
  readonly rows: number;
  /** Of all rows together: padding counts in a batch, and not in a split. */
  readonly tokens: number;
}

/** Numbers in the labels of so many rows, in the layout of `Batch.labels`. */
export function labelCount(loss: Loss, numLabels: number, { rows, tokens }: LabelledRows): number {
  if (loss === 'token-cross-entropy') return tokens;
  return loss === 'cross-entropy' ? rows : rows * numLabels;
}

/**
 * Check targets in the layout of `Batch.labels` without copying them.
 *
 * @throws DataError TARGET_COUNT (not one per row, token, or row and label), TARGET_NOT_FINITE, LABEL_OUT_OF_RANGE (a
 *   class index that is no integer from 0 to numLabels − 1, a position that is none), TARGET_OUT_OF_RANGE (BCE: outside
 *   0 … 1).
 */
export function checkTargets(labels: Float32Array, loss: Loss, numLabels: number, size: LabelledRows): void {
  const expected = labelCount(loss, numLabels, size);
  if (labels.length !== expected) {
    throw new DataError('The number of labels does not fit the rows', {
      code: 'TARGET_COUNT',
      found: String(labels.length),
      expected: `${expected} for ${size.rows} rows with ${size.tokens} tokens and ${numLabels} labels`,
    });
  }
  const what = loss === 'token-cross-entropy' ? 'token' : 'row';
  const perPlace = what === 'token' ? 1 : labels.length / Math.max(1, size.rows);
  const isPosition = loss === 'span-cross-entropy';
  const isClass = loss === 'cross-entropy' || loss === 'token-cross-entropy';
  for (const [i, value] of labels.entries()) {
    const place = `${what} ${Math.floor(i / perPlace)}`;
    if (!Number.isFinite(value))
      throw new DataError(`The target of ${place} is not a number`, {
        code: 'TARGET_NOT_FINITE',
        found: String(value),
      });
    if (loss === 'token-cross-entropy' && value === IGNORED) continue;
    if (isClass && !(Number.isInteger(value) && value >= 0 && value < numLabels)) {
      throw new DataError(`The label of ${place} does not exist`, {
        code: 'LABEL_OUT_OF_RANGE',
        found: String(value),
        expected: `a class index from 0 to ${numLabels - 1}`,
      });
    }
    if (isPosition && !(Number.isInteger(value) && value >= 0)) {
      throw new DataError(`The span of ${place} begins or ends nowhere`, {
        code: 'LABEL_OUT_OF_RANGE',
        found: String(value),
        expected: 'the number of a token, counted from 0',
      });
    }
    if (loss === 'bce' && !(value >= 0 && value <= 1)) {
      throw new DataError(`A target of ${place} is out of range`, {
        code: 'TARGET_OUT_OF_RANGE',
        found: String(value),
        expected: '0 … 1',
      });
    }
  }
}

/**
 * Labels of a batch as what the loss is computed from. [batch, numLabels]: one-hot rows for cross-entropy, the targets
 * themselves for MSE and BCE. [batch, sequence, numLabels] for tokens: one-hot over labels, divided by how many are
 * judged and multiplied by the rows, so that the mean over rows is the one over judged tokens; for spans one-hot over
 * positions.
 *
 * @throws DataError as `checkTargets`; LABEL_OUT_OF_RANGE for a span behind the end.
 */
export function targetMatrix(
  labels: Float32Array,
  loss: Loss,
  numLabels: number,
  { batch, sequence }: { readonly batch: number; readonly sequence: number },
): Float32Array {
  checkTargets(labels, loss, numLabels, { rows: batch, tokens: batch * sequence });
  switch (loss) {
    case 'mse':
    case 'bce':
      return labels.slice();
    case 'cross-entropy':
      return oneHot(labels, numLabels, 1);
    case 'token-cross-entropy': {
      const judged = labels.reduce((count, label) => count + (label === IGNORED ? 0 : 1), 0);
      return oneHot(labels, numLabels, batch / Math.max(1, judged));
    }
    case 'span-cross-entropy': {
      const targets = new Float32Array(batch * sequence * numLabels);
      labels.forEach((position, i) => {
        const row = Math.floor(i / numLabels);
        if (position >= sequence)
          throw new DataError(`The span of row ${row} lies behind its end`, {
            code: 'LABEL_OUT_OF_RANGE',
            found: String(position),
            expected: `the number of a token, from 0 to ${sequence - 1}`,
          });
        targets[(row * sequence + position) * numLabels + (i % numLabels)] = 1;
      });
      return targets;
    }
  }
}

function oneHot(labels: Float32Array, numLabels: number, value: number): Float32Array {
  const targets = new Float32Array(labels.length * numLabels);
  labels.forEach((label, i) => {
    if (label !== IGNORED) targets[i * numLabels + label] = value;
  });
  return targets;
}

export interface LossAndGradient {
  readonly loss: number;
  /** With respect to the logits, [rows, numLabels]. */
  readonly gradient: Float64Array;
}

type Matrix = Float32Array | Float64Array;

/** Reference loss in float64 of logits against a target matrix, both [rows, numLabels]. No rows give loss 0. */
export function referenceLoss(loss: RowLoss, logits: Matrix, targets: Matrix, numLabels: number): LossAndGradient {
  if (logits.length !== targets.length || numLabels < 1 || logits.length % numLabels !== 0) {
    throw new DataError('Logits and targets differ in size', {
      code: 'TARGET_COUNT',
      found: `${targets.length} targets`,
      expected: `${logits.length} as rows × ${numLabels}`,
    });
  }
  return { 'cross-entropy': crossEntropy, mse: meanSquaredError, bce: binaryCrossEntropy }[loss](
    logits,
    targets,
    numLabels,
  );
}

/** Mean over rows of logsumexp(z) − z·t; the gradient is (softmax(z) − t) / rows for targets that sum to 1. */
function crossEntropy(logits: Matrix, targets: Matrix, numLabels: number): LossAndGradient {
  const gradient = new Float64Array(logits.length);
  const rows = logits.length / numLabels;
  let loss = 0;
  for (let start = 0; start < logits.length; start += numLabels) {
    let largest = -Infinity;
    for (let i = start; i < start + numLabels; i++) largest = Math.max(largest, elementAt(logits, i));
    let sum = 0;
    for (let i = start; i < start + numLabels; i++) sum += Math.exp(elementAt(logits, i) - largest);
    loss += largest + Math.log(sum);
    for (let i = start; i < start + numLabels; i++) {
      const [z, t] = [elementAt(logits, i), elementAt(targets, i)];
      loss -= z * t;
      gradient[i] = (Math.exp(z - largest) / sum - t) / rows;
    }
  }
  return { loss: rows === 0 ? 0 : loss / rows, gradient };
}

/** Mean over all entries of (z − t)². */
function meanSquaredError(logits: Matrix, targets: Matrix): LossAndGradient {
  return meanOverEntries(logits, targets, (z, t) => ({ term: (z - t) ** 2, slope: 2 * (z - t) }));
}

/** Mean over all entries of softplus(z) − z·t, the stable form of binary cross-entropy with logits. */
function binaryCrossEntropy(logits: Matrix, targets: Matrix): LossAndGradient {
  return meanOverEntries(logits, targets, (z, t) => ({
    term: Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - z * t,
    slope: sigmoid(z) - t,
  }));
}

function meanOverEntries(
  logits: Matrix,
  targets: Matrix,
  entry: (z: number, t: number) => { term: number; slope: number },
): LossAndGradient {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  for (let i = 0; i < logits.length; i++) {
    const { term, slope } = entry(elementAt(logits, i), elementAt(targets, i));
    loss += term / logits.length;
    gradient[i] = slope / logits.length;
  }
  return { loss, gradient };
}

/** 1 / (1 + e⁻ᶻ) without overflow. */
export function sigmoid(z: number): number {
  const e = Math.exp(-Math.abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
}

/** Softmax of every row of logits [rows, numLabels]. */
export function softmax(logits: Float32Array, numLabels: number): Float32Array {
  const result = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += numLabels) {
    const row = logits.subarray(start, start + numLabels);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = Array.from(row, (z) => Math.exp(z - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, i) => (result[start + i] = power / sum));
  }
  return result;
}

/** Index of the largest logit of every row of [rows, numLabels]; the first of equals. */
export function argmax(logits: Float32Array, numLabels: number): Int32Array {
  return Int32Array.from({ length: logits.length / numLabels }, (_, row) => {
    let best = 0;
    for (let i = 1; i < numLabels; i++)
      if (elementAt(logits, row * numLabels + i) > elementAt(logits, row * numLabels + best)) best = i;
    return best;
  });
}

/** What the logits of one row say. */
export interface Answer {
  /** The most probable class; 0 for a regression. */
  readonly index: number;
  /** Probability of that class, or the predicted number. */
  readonly score: number;
  /** Of each class; absent for a regression. */
  readonly probabilities?: Float32Array;
}

/** @param logits [numLabels]. */
export function answerOf(logits: Float32Array, loss: RowLoss): Answer {
  if (loss === 'mse') return { index: 0, score: elementAt(logits, 0) };
  const probabilities = loss === 'bce' ? logits.map(sigmoid) : softmax(logits, logits.length);
  const index = elementAt(argmax(probabilities, probabilities.length), 0);
  return { index, score: elementAt(probabilities, index), probabilities };
}
