import { IGNORED, type Split } from '../model/batch.js';
import { sequentialBatches } from './bucketing.js';
import { referenceLoss } from '../math/loss.js';
import type { Metric } from '../metrics/metrics.js';
import type { TokenLoss } from '../model/model.js';
import { checkFinite, stopIfAborted, type Evaluation, type PredictOptions, type Predictor } from './predict.js';
import { bestSpan } from '../metrics/spans.js';
import { elementAt } from '../values.js';

/** One example's answer: logits of its own tokens [tokens, numLabels]. */
interface Row {
  readonly row: number;
  readonly logits: Float32Array;
}

/** Logits of every row of a split, without those of padding; by length, then by number. */
async function* predictRows(
  { predict, numLabels }: Predictor,
  split: Split,
  { batchSize = 64, signal, onProgress }: PredictOptions,
): AsyncGenerator<Row> {
  let done = 0;
  for (const rows of sequentialBatches(split.lengths, batchSize)) {
    stopIfAborted(signal);
    const batch = split.batch(rows);
    const all = await predict(batch);
    const stride = batch.sequence * numLabels;
    for (const [i, row] of rows.entries()) {
      const logits = all.subarray(i * stride, i * stride + elementAt(split.lengths, row) * numLabels);
      checkFinite(logits, logits.length, `row ${row} of ${split.id}`);
      yield { row, logits };
    }
    done += rows.length;
    onProgress?.(done, split.size);
  }
}

/** As `evaluate`, of a model that answers for tokens, on labels that were checked. */
export async function evaluateTokens(
  model: Predictor,
  loss: TokenLoss,
  split: Split,
  labels: Float32Array,
  metric: Metric,
  options: PredictOptions,
): Promise<Evaluation> {
  return loss === 'token-cross-entropy'
    ? evaluateClasses(model, split, labels, metric, options)
    : evaluateSpans(model, split, labels, metric, options);
}

/** Scores over judged tokens; the logits are theirs, [judged, numLabels], in the order of the split. */
async function evaluateClasses(
  model: Predictor,
  split: Split,
  labels: Float32Array,
  metric: Metric,
  options: PredictOptions,
): Promise<Evaluation> {
  const { numLabels } = model;
  const [first, judged] = firstJudged(split, labels);
  const logits = new Float32Array(judged * numLabels);
  const [truth, rows] = [new Float32Array(judged), new Int32Array(judged)];
  const starts = startsOf(split);
  for await (const { row, logits: own } of predictRows(model, split, options)) {
    let at = elementAt(first, row);
    for (let token = 0; token < elementAt(split.lengths, row); token++) {
      const label = elementAt(labels, elementAt(starts, row) + token);
      if (label === IGNORED) continue;
      logits.set(own.subarray(token * numLabels, (token + 1) * numLabels), at * numLabels);
      truth[at] = label;
      rows[at++] = row;
    }
  }
  const targets = new Float32Array(logits.length);
  truth.forEach((label, i) => (targets[i * numLabels + label] = 1));
  const { loss } = referenceLoss('cross-entropy', logits, targets, numLabels);
  const scores = metric.compute(logits, truth, numLabels, rows);
  return { loss, score: scores[metric.main] ?? Number.NaN, scores, logits };
}

/** Where the tokens of each row begin in the labels of a split. */
function startsOf({ lengths }: Split): Int32Array {
  const starts = new Int32Array(lengths.length);
  for (let row = 1; row < lengths.length; row++) starts[row] = elementAt(starts, row - 1) + elementAt(lengths, row - 1);
  return starts;
}

/** For each row how many tokens before it are judged, and how many are in all. */
function firstJudged(split: Split, labels: Float32Array): [Int32Array, number] {
  const starts = startsOf(split);
  const first = new Int32Array(split.size);
  let judged = 0;
  for (let row = 0; row < split.size; row++) {
    first[row] = judged;
    const start = elementAt(starts, row);
    for (const label of labels.subarray(start, start + elementAt(split.lengths, row))) if (label !== IGNORED) judged++;
  }
  return [first, judged];
}

/** Scores over spans; in place of logits, the first and last token of the most probable span of each row, [rows, 2]. */
async function evaluateSpans(
  model: Predictor,
  split: Split,
  labels: Float32Array,
  metric: Metric,
  options: PredictOptions,
): Promise<Evaluation> {
  const spans = new Float32Array(split.size * 2);
  let loss = 0;
  for await (const { row, logits } of predictRows(model, split, options)) {
    const tokens = logits.length / 2;
    for (const side of [0, 1]) {
      const positions = Float32Array.from({ length: tokens }, (_, token) => elementAt(logits, 2 * token + side));
      const target = new Float32Array(tokens);
      target[elementAt(labels, 2 * row + side)] = 1;
      loss += referenceLoss('cross-entropy', positions, target, tokens).loss / (2 * split.size);
    }
    const { first, last } = bestSpan(logits, { from: 0, to: tokens });
    spans.set([first, last], 2 * row);
  }
  const scores = metric.compute(spans, labels, 2);
  return { loss, score: scores[metric.main] ?? Number.NaN, scores, logits: spans };
}
