import { METRICS, answerOf, rowLoss } from '@hadamard-adapter/core';
import { openModel } from '../adapted-model.js';
import { namesOfLabels } from '../data/labels.js';
import { textColumns } from '../data/rows.js';
import { tokenizeTexts, type LabelledTexts } from '../data/texts.js';
import { logitsPredictor, padded, type Task } from '../task.js';
import type { AdaptedModel, AnswerOptions, PretrainedOptions } from '../types.js';

export interface Classification {
  readonly label: string;
  readonly score: number;
}

/** A text classifier of transformers.js whose answers are those of the active adapter. */
export type SequenceClassifier = AdaptedModel<LabelledTexts> & {
  /** The most probable label of each text, or of each pair. */
  classify(
    texts: readonly string[],
    options?: AnswerOptions & { readonly text_pairs?: readonly string[] },
  ): Promise<Classification[]>;
};

const task: Task<LabelledTexts> = {
  type: 'SEQ_CLS',
  auto: 'AutoModelForSequenceClassification',
  output: 'logits',
  session: {},
  columns: textColumns,
  labelNames: ({ labels = [] }) => namesOfLabels(labels),
  split: tokenizeTexts,
  metric: () => METRICS.accuracy,
  predictor: logitsPredictor,
  answers({ values, batch }, Tensor) {
    const labels = Math.max(...values.map(({ length }) => length));
    return { logits: new Tensor('float32', padded(values, labels), [batch, labels]) };
  },
};

/**
 * A base model of the hub with Hadamard adapters for text classification: `await
 * HadamardModelForSequenceClassification.from_pretrained('org/name')`.
 *
 * @throws as `openModel`.
 */
async function from_pretrained(id: string, options?: PretrainedOptions): Promise<SequenceClassifier> {
  const { model, base, configOf, rowsOf } = await openModel(task, id, options);
  const own = { ...model.config.id2label };
  return Object.assign(model, {
    async classify(texts, { text_pairs: pairs, ...choice } = {}) {
      const rows = await rowsOf(
        tokenizeTexts('texts', { texts, ...(pairs === undefined ? {} : { text_pairs: pairs }) }, base, []),
        choice,
      );
      const configs = new Map(
        [...new Set(choice.adapter_names ?? [model.active_adapter])].map((name) => [name, configOf(name)]),
      );
      return rows.map((logits, i) => {
        const config = configs.get(choice.adapter_names?.[i] ?? model.active_adapter);
        const { index, score } = answerOf(logits, rowLoss(config?.loss ?? 'cross-entropy'));
        return { label: (config?.id2label ?? own)[String(index)] ?? `LABEL_${index}`, score };
      });
    },
  } satisfies Pick<SequenceClassifier, 'classify'>);
}

export const HadamardModelForSequenceClassification = { from_pretrained, fromPretrained: from_pretrained };
