import { METRICS, type Pooling } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { openModel } from '../adapted-model.js';
import { textColumns } from '../data/rows.js';
import { tokenizePairs } from '../data/pairs.js';
import { tokenizeTexts, type LabelledTexts } from '../data/texts.js';
import { padded, type Task } from '../task.js';
import type { AdaptedModel, AnswerOptions, PretrainedOptions } from '../types.js';

/**
 * A model of transformers.js that makes vectors of texts, with the active adapter. It learns from pairs of texts,
 * labelled −1 … 1 with how alike they are.
 */
export type FeatureExtractor = AdaptedModel<LabelledTexts> & {
  /** One vector of length 1 for each text, pooled as its adapter was trained; the base pools the mean. */
  embed(texts: readonly string[], options?: AnswerOptions): Promise<Float32Array[]>;
  /** Cosine of the vectors of each pair. */
  similarity(
    texts: readonly string[],
    others: readonly string[],
    options?: Pick<AnswerOptions, 'batch_size'>,
  ): Promise<Float32Array>;
};

const task: Task<LabelledTexts> = {
  type: 'FEATURE_EXTRACTION',
  auto: 'AutoModel',
  output: 'hidden',
  session: { head: 'cosine', loss: 'mse', pooling: 'mean' },
  columns: textColumns,
  labelNames: () => ['similarity'],
  split: (id, data, reader) => tokenizePairs(id, data, reader),
  metric: () => METRICS.pearson_spearmanr,
  predictor: ({ encode }, { loss, pooling }) => ({
    numLabels: 1,
    loss,
    async predict(batch) {
      const { sequence, attentionMask } = batch;
      const vectors = (await encode(batch)).map((states, row) =>
        unitVector(states, attentionMask.subarray(row * sequence, (row + 1) * sequence), pooling),
      );
      return Float32Array.from({ length: vectors.length / 2 }, (_, pair) =>
        dot(elementAt(vectors, 2 * pair), elementAt(vectors, 2 * pair + 1)),
      );
    },
  }),
  answers: ({ values, batch, sequence }, Tensor) => ({
    last_hidden_state: new Tensor('float32', padded(values, values[0]?.length ?? 0), [
      batch,
      sequence,
      (values[0]?.length ?? 0) / sequence,
    ]),
  }),
};

/** States of tokens [tokens, hidden] as one vector of length 1. */
function unitVector(states: Float32Array, mask: ArrayLike<number>, pooling: Pooling): Float32Array {
  const width = states.length / mask.length;
  const tokens = Array.from(mask).flatMap((isToken, token) => (isToken === 1 ? [token] : []));
  const read = pooling === 'mean' ? tokens : pooling === 'last' ? tokens.slice(-1) : [0];
  const sum = new Float32Array(width);
  for (const token of read)
    for (let i = 0; i < width; i++) sum[i] = elementAt(sum, i) + elementAt(states, token * width + i);
  const length = Math.sqrt(dot(sum, sum));
  return sum.map((x) => x / length);
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * elementAt(b, i), 0);

/**
 * A base model of the hub with Hadamard adapters for vectors of texts: sentence similarity, search.
 *
 * @throws as `openModel`.
 */
async function from_pretrained(id: string, options?: PretrainedOptions): Promise<FeatureExtractor> {
  const { model, base, configOf, rowsOf } = await openModel(task, id, options);
  const embed = async (texts: readonly string[], choice: AnswerOptions = {}): Promise<Float32Array[]> => {
    const split = tokenizeTexts('texts', { texts }, base, []);
    const rows = await rowsOf(split, choice);
    return rows.map((states, row) =>
      unitVector(
        states,
        new Uint8Array(elementAt(split.lengths, row)).fill(1),
        configOf(choice.adapter_names?.[row])?.pooling ?? 'mean',
      ),
    );
  };
  return Object.assign(model, {
    embed,
    async similarity(texts, others, choice) {
      const [left, right] = [await embed(texts, choice), await embed(others, choice)];
      return Float32Array.from(left, (vector, i) => dot(vector, elementAt(right, i)));
    },
  } satisfies Pick<FeatureExtractor, 'embed' | 'similarity'>);
}

export const HadamardModelForFeatureExtraction = { from_pretrained, fromPretrained: from_pretrained };
