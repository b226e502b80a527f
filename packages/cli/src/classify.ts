import { DataError, answerOf, predictSplit, rowLoss, type RowLoss, type TrainableModel } from '@hadamard-adapter/core';
import { tokenize, type Tokenizer } from '@hadamard-adapter/tasks';

/** What a model says of one text. */
export interface Prediction {
  readonly text: string;
  readonly pair?: string;
  /** The most probable class; for a regression the name of the target. */
  readonly label: string;
  /** Probability of that class, or the predicted number. */
  readonly score: number;
  /** By class name. */
  readonly probabilities?: Readonly<Record<string, number>>;
}

export interface TextInput {
  readonly text: string;
  readonly pair?: string;
}

export interface Classified {
  /** In the order of the texts. */
  readonly predictions: readonly Prediction[];
  /** Texts that were longer than the model reads, and were cut. */
  readonly truncated: number;
}

/** @throws ConfigError LOSS_TOKENS; DataError TEXT_EMPTY when there is nothing to classify, or a text is blank. */
export async function classify(
  model: TrainableModel,
  tokenizer: Tokenizer,
  labels: readonly string[],
  texts: readonly TextInput[],
): Promise<Classified> {
  const blank = texts.findIndex(({ text }) => text.trim() === '');
  if (blank !== -1)
    throw new DataError('A text to classify is blank', {
      code: 'TEXT_EMPTY',
      found: `text ${blank + 1} of ${texts.length} without a character in it`,
    });
  if (texts.length === 0)
    throw new DataError('There is nothing to classify', {
      code: 'TEXT_EMPTY',
      expected: '--text "…" or lines on standard input',
    });
  const split = await tokenize({ kind: 'classification', examples: texts, labels, skipped: [] }, tokenizer, {
    id: 'texts',
  });
  const { numLabels } = model;
  const loss = rowLoss(model.loss);
  const logits = await predictSplit(model, split);
  const predictions = texts.map((input, row) =>
    predictionOf(input, logits.subarray(row * numLabels, (row + 1) * numLabels), labels, loss),
  );
  return { predictions, truncated: split.truncated };
}

function predictionOf(input: TextInput, logits: Float32Array, labels: readonly string[], loss: RowLoss): Prediction {
  const { index, score, probabilities } = answerOf(logits, loss);
  const name = (label: number): string => labels[label] ?? (probabilities === undefined ? 'score' : `LABEL_${label}`);
  return {
    ...input,
    label: name(index),
    score,
    ...(probabilities === undefined
      ? {}
      : { probabilities: Object.fromEntries(Array.from(probabilities, (value, i) => [name(i), value])) }),
  };
}
