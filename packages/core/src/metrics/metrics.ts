import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';
import { DataError } from '../errors.js';
import { argmax } from '../math/loss.js';
import { elementAt } from '../values.js';

type Numbers = ArrayLike<number>;

/** Share of predictions equal to their label. No rows give 0. */
export function accuracy(predictions: Numbers, labels: Numbers): number {
  checkLengths(predictions, labels);
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return labels.length === 0 ? 0 : right / labels.length;
}

/** F1 = 2·TP / (2·TP + FP + FN) of one class against the rest. 0 when the class is neither predicted nor present. */
export function f1(predictions: Numbers, labels: Numbers, positive = 1): number {
  checkLengths(predictions, labels);
  let both = 0;
  let either = 0;
  for (let i = 0; i < labels.length; i++) {
    const [predicted, present] = [predictions[i] === positive, labels[i] === positive];
    if (predicted && present) both++;
    if (predicted) either++;
    if (present) either++;
  }
  return either === 0 ? 0 : (2 * both) / either;
}

/** Mean of the F1 of every class that is predicted or present. */
export function macroF1(predictions: Numbers, labels: Numbers): number {
  checkLengths(predictions, labels);
  const classes = new Set([...Array.from(predictions), ...Array.from(labels)]);
  let sum = 0;
  for (const each of classes) sum += f1(predictions, labels, each);
  return classes.size === 0 ? 0 : sum / classes.size;
}

/**
 * Matthews correlation, in Gorodkin's form for any number of classes, which for two is the usual one. 0 when
 * predictions or labels are constant.
 */
export function matthews(predictions: Numbers, labels: Numbers): number {
  checkLengths(predictions, labels);
  const predicted = new Map<number, number>();
  const present = new Map<number, number>();
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const [p, t] = [elementAt(predictions, i), elementAt(labels, i)];
    predicted.set(p, (predicted.get(p) ?? 0) + 1);
    present.set(t, (present.get(t) ?? 0) + 1);
    if (p === t) right++;
  }
  const n = labels.length;
  const dot = (a: Map<number, number>, b: Map<number, number>): number =>
    [...a].reduce((sum, [key, count]) => sum + count * (b.get(key) ?? 0), 0);
  const spread = (n * n - dot(predicted, predicted)) * (n * n - dot(present, present));
  return spread === 0 ? 0 : (right * n - dot(predicted, present)) / Math.sqrt(spread);
}

/** Pearson correlation. 0 when either side is constant or has fewer than two values. */
export function pearson(predictions: Numbers, labels: Numbers): number {
  return correlation(sampleCorrelation, predictions, labels);
}

/**
 * Spearman rank correlation, ties at their average rank. 0 when either side is constant or has fewer than two values.
 */
export function spearman(predictions: Numbers, labels: Numbers): number {
  return correlation(sampleRankCorrelation, predictions, labels);
}

function correlation(measure: (x: number[], y: number[]) => number, predictions: Numbers, labels: Numbers): number {
  checkLengths(predictions, labels);
  const [x, y] = [Array.from(predictions), Array.from(labels)];
  if (![...x, ...y].every(Number.isFinite)) {
    throw new DataError('A correlation needs finite numbers', {
      code: 'METRIC_NOT_FINITE',
      hint: 'Check the targets; if they are fine, training has diverged.',
    });
  }
  // Asked here, since the standard deviation of a constant need not come out as exactly 0.
  if (isConstant(x) || isConstant(y)) return 0;
  const result = measure(x, y);
  return Number.isFinite(result) ? Math.min(1, Math.max(-1, result)) : 0;
}

const isConstant = (values: readonly number[]): boolean => values.every((value) => value === values[0]);

function checkLengths(predictions: Numbers, labels: Numbers): void {
  if (predictions.length === labels.length) return;
  throw new DataError('Predictions and labels differ in number', {
    code: 'METRIC_LENGTH',
    found: String(predictions.length),
    expected: String(labels.length),
  });
}

/** How a split is scored. Every score of this package is better when higher. */
export interface Metric {
  readonly name: string;
  /** Key of the score that early stopping and the best epoch go by. */
  readonly main: string;
  readonly higherIsBetter?: true;
  /**
   * @param logits [rows, numLabels].
   * @param labels in the layout of `Batch.labels`.
   * @param rows of tokens: the text that each is in, ascending.
   */
  compute(
    logits: Float32Array,
    labels: Float32Array,
    numLabels: number,
    rows?: Int32Array,
  ): Readonly<Record<string, number>>;
}

/** A metric of predicted classes. */
export function classificationMetric(name: string, measure: (predictions: Numbers, labels: Numbers) => number): Metric {
  return {
    name,
    main: name,
    compute: (logits, labels, numLabels) => ({ [name]: measure(argmax(logits, numLabels), labels) }),
  };
}

/** A metric of the predicted numbers themselves. */
export function regressionMetric(name: string, measure: (predictions: Numbers, labels: Numbers) => number): Metric {
  return { name, main: name, compute: (logits, labels) => ({ [name]: measure(logits, labels) }) };
}

/** Both scores, and as the main one their mean: how GLUE scores MRPC, QQP and STS-B. */
export function meanOf(name: string, first: Metric, second: Metric): Metric {
  return {
    name,
    main: name,
    compute(...data) {
      const scores = { ...first.compute(...data), ...second.compute(...data) };
      return { ...scores, [name]: ((scores[first.main] ?? Number.NaN) + (scores[second.main] ?? Number.NaN)) / 2 };
    },
  };
}

/**
 * F1 over all labels of all rows of a multi-label model, each label predicted where its logit is positive; and the
 * share of right decisions.
 */
const microF1: Metric = {
  name: 'f1_micro',
  main: 'f1_micro',
  compute(logits, labels) {
    const predictions = logits.map((z) => (z > 0 ? 1 : 0));
    const rounded = labels.map((t) => (t >= 0.5 ? 1 : 0));
    return { f1_micro: f1(predictions, rounded), accuracy: accuracy(predictions, rounded) };
  },
};

const accuracyMetric = classificationMetric('accuracy', accuracy);
const f1Metric = classificationMetric('f1', f1);
const pearsonMetric = regressionMetric('pearson', pearson);
const spearmanMetric = regressionMetric('spearmanr', spearman);

/** The metrics by the names that Hugging Face `evaluate` gives their scores. */
export const METRICS = {
  accuracy: accuracyMetric,
  f1: f1Metric,
  f1_macro: classificationMetric('f1_macro', macroF1),
  f1_micro: microF1,
  accuracy_f1: meanOf('accuracy_f1', accuracyMetric, f1Metric),
  matthews_correlation: classificationMetric('matthews_correlation', matthews),
  pearson: pearsonMetric,
  spearmanr: spearmanMetric,
  pearson_spearmanr: meanOf('pearson_spearmanr', pearsonMetric, spearmanMetric),
} as const satisfies Readonly<Record<string, Metric>>;
