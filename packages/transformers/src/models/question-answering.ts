import { bestSpan, softmax, spanMetric } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { openModel } from '../adapted-model.js';
import { column, columnIfAny } from '../data/rows.js';
import { tokenizeQuestions, type LabelledQuestions } from '../data/questions.js';
import { logitsPredictor, type Task } from '../task.js';
import type { AdaptedModel, AnswerOptions, PretrainedOptions } from '../types.js';

/** A part of the context. */
export interface Answer {
  /** As the tokenizer writes it. */
  readonly answer: string;
  /** Probability of its first token times that of its last, among those of the context. */
  readonly score: number;
}

/** A model of transformers.js that finds answers in texts, with the active adapter. */
export type QuestionAnswerer = AdaptedModel<LabelledQuestions> & {
  /** The most probable answer to each question. */
  answer(questions: readonly string[], contexts: readonly string[], options?: AnswerOptions): Promise<Answer[]>;
};

/** SQuAD's column: as many texts as beginnings, none where there is no answer. */
interface SquadAnswers {
  readonly text: readonly string[];
  readonly answer_start: readonly number[];
}

const task: Task<LabelledQuestions> = {
  type: 'QUESTION_ANS',
  auto: 'AutoModelForQuestionAnswering',
  output: 'logits',
  session: { loss: 'span-cross-entropy', pooling: 'none' },
  columns(rows) {
    const answers = columnIfAny<SquadAnswers>(rows, ['answers']);
    return {
      questions: column<string>(rows, ['question']),
      contexts: column<string>(rows, ['context']),
      ...(answers === undefined
        ? {}
        : {
            answers: answers.map(({ text: [text], answer_start: [start] }) =>
              text === undefined || start === undefined ? null : { text, answer_start: start },
            ),
          }),
    };
  },
  labelNames: () => ['start', 'end'],
  split: (id, data, reader) => tokenizeQuestions(id, data, reader),
  metric: () => spanMetric,
  predictor: logitsPredictor,
  answers({ values, batch, sequence }, Tensor) {
    const side = (of: 0 | 1) =>
      new Tensor(
        'float32',
        Float32Array.from(
          { length: batch * sequence },
          (_, i) => values[Math.floor(i / sequence)]?.[2 * (i % sequence) + of] ?? Number.NaN,
        ),
        [batch, sequence],
      );
    return { start_logits: side(0), end_logits: side(1) };
  },
};

/**
 * A base model of the hub with Hadamard adapters that find the answer to a question in a text.
 *
 * @throws as `openModel`.
 */
async function from_pretrained(id: string, options?: PretrainedOptions): Promise<QuestionAnswerer> {
  const { model, base, rowsOf } = await openModel(task, id, options);
  return Object.assign(model, {
    async answer(questions, contexts, choice = {}) {
      const split = tokenizeQuestions('questions', { questions, contexts }, base);
      return (await rowsOf(split, choice)).map((logits, row) => {
        const { from, to } = elementAt(split.contexts, row);
        const { first, last } = bestSpan(logits, { from, to });
        const probability = (side: 0 | 1, at: number): number =>
          elementAt(
            softmax(
              Float32Array.from({ length: to - from }, (_, i) => elementAt(logits, 2 * (from + i) + side)),
              to - from,
            ),
            at - from,
          );
        return {
          answer: base.tokenizer.decode(split.ids[row]?.slice(first, last + 1) ?? [], { skip_special_tokens: true }),
          score: probability(0, first) * probability(1, last),
        };
      });
    },
  } satisfies Pick<QuestionAnswerer, 'answer'>);
}

export const HadamardModelForQuestionAnswering = { from_pretrained, fromPretrained: from_pretrained };
