import { METRICS, argmax, entityMetric, softmax } from '@hadamard-adapter/core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { openModel } from '../adapted-model.js';
import { namesOfLabels } from '../data/labels.js';
import { column, columnIfAny } from '../data/rows.js';
import { tokenizeWords, type LabelledWords } from '../data/words.js';
import { logitsPredictor, padded, type Task } from '../task.js';
import type { AdaptedModel, AnswerOptions, PretrainedOptions } from '../types.js';

/** The label of a word, and how probable it is. */
export interface WordLabel {
  readonly word: string;
  readonly label: string;
  readonly score: number;
}

/** A token classifier of transformers.js whose answers are those of the active adapter. */
export type TokenClassifier = AdaptedModel<LabelledWords> & {
  /**
   * A label for each word of each text, that of its first token; words that the model does not read any more are
   * missing.
   */
  classify(tokens: LabelledWords['tokens'], options?: AnswerOptions): Promise<WordLabel[][]>;
};

const isTag = (name: string): boolean => name === 'O' || /^[BIES]-./.test(name);

const task: Task<LabelledWords> = {
  type: 'TOKEN_CLS',
  auto: 'AutoModelForTokenClassification',
  output: 'logits',
  session: { loss: 'token-cross-entropy', pooling: 'none' },
  columns(rows) {
    const labels = columnIfAny<readonly (string | number)[]>(rows, ['labels', 'ner_tags', 'pos_tags', 'tags']);
    return {
      tokens: column<readonly string[]>(rows, ['tokens', 'words']),
      ...(labels === undefined ? {} : { labels }),
    };
  },
  labelNames: ({ labels = [] }) => namesOfLabels(labels.flat()),
  split: tokenizeWords,
  // Entities where labels are tags of them; otherwise words, as for parts of speech.
  metric: (names) => (names.every(isTag) ? entityMetric(names) : METRICS.accuracy),
  predictor: logitsPredictor,
  answers({ values, batch, sequence }, Tensor) {
    const labels = Math.max(...values.map(({ length }) => length / sequence));
    const widened = values.map((row) =>
      row.length === labels * sequence
        ? row
        : padded(
            Array.from({ length: sequence }, (_, token) =>
              row.subarray((token * row.length) / sequence, ((token + 1) * row.length) / sequence),
            ),
            labels,
          ),
    );
    return { logits: new Tensor('float32', padded(widened, sequence * labels), [batch, sequence, labels]) };
  },
};

/**
 * A base model of the hub with Hadamard adapters that label words: named entities, parts of speech.
 *
 * @throws as `openModel`.
 */
async function from_pretrained(id: string, options?: PretrainedOptions): Promise<TokenClassifier> {
  const { model, base, configOf, rowsOf } = await openModel(task, id, options);
  const own = { ...model.config.id2label };
  return Object.assign(model, {
    async classify(tokens, choice = {}) {
      const split = tokenizeWords('texts', { tokens }, base, []);
      const rows = await rowsOf(split, choice);
      return rows.map((logits, row) => {
        const names = configOf(choice.adapter_names?.[row])?.id2label ?? own;
        const labels = logits.length / elementAt(split.lengths, row);
        return (split.starts[row] ?? []).map((start, at) => {
          const probabilities = softmax(logits.subarray(start * labels, (start + 1) * labels), labels);
          const index = elementAt(argmax(probabilities, labels), 0);
          return {
            word: present(tokens[row]?.[at]),
            label: names[String(index)] ?? `LABEL_${index}`,
            score: elementAt(probabilities, index),
          };
        });
      });
    },
  } satisfies Pick<TokenClassifier, 'classify'>);
}

export const HadamardModelForTokenClassification = { from_pretrained, fromPretrained: from_pretrained };
