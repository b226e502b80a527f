import { DataError, type Split } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { checkCounts } from './labels.js';
import { bareIds, specialTokens, type Reader } from './reader.js';
import { splitOf } from './split.js';

/** An answer as SQuAD has it: its text, and the character of the context at which it begins. */
export interface SpanAnswer {
  readonly text: string;
  readonly answer_start: number;
}

/** Questions about texts that hold their answers. */
export interface LabelledQuestions {
  readonly questions: readonly string[];
  readonly contexts: readonly string[];
  /** `null` where the context has no answer. */
  readonly answers?: readonly (SpanAnswer | null)[];
}

/** A split of questions, and where in each row its context lies. */
export interface QuestionSplit extends Split {
  readonly ids: readonly (readonly number[])[];
  /** First token of the context, and the first behind it. */
  readonly contexts: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Questions and contexts as token ids, contexts cut where the model reads no more. A question without an answer, or
 * whose answer was cut off, is labelled with the first token (Devlin et al., arXiv 1810.04805, section 4.3).
 *
 * @throws DataError TEXT_EMPTY, TEXT_PAIRS, LABEL_COUNT, ANSWER_PLACE, QUESTION_LENGTH.
 */
export function tokenizeQuestions(
  id: string,
  { questions, contexts, answers }: LabelledQuestions,
  reader: Reader,
): QuestionSplit {
  checkCounts('questions', questions, answers);
  if (contexts.length !== questions.length)
    throw new DataError('Contexts do not match the questions', {
      code: 'TEXT_PAIRS',
      found: `${contexts.length}`,
      expected: `${questions.length}, one for each question`,
    });
  const { tokenizer, longest } = reader;
  const whole = tokenizer([...questions], {
    text_pair: [...contexts],
    truncation: false,
    padding: false,
    return_tensor: false,
  });
  const { after } = specialTokens(reader);
  const bare = bareIds(reader, contexts);
  const places = whole.input_ids.map((ids, row) => {
    const from = ids.length - after.length - (bare[row] ?? []).length;
    const to = Math.min(ids.length, longest) - after.length;
    if (to > from) return { from, to };
    throw new DataError('A question leaves no room for its context', {
      code: 'QUESTION_LENGTH',
      found: `${from} tokens in front of the context of question ${row}`,
      expected: `fewer than ${longest - after.length}`,
    });
  });
  const cut = (values: readonly number[], row: number): number[] => {
    const { to } = elementAt(places, row);
    return [...values.slice(0, to), ...values.slice(values.length - after.length)];
  };
  const ids = whole.input_ids.map(cut);
  const labels =
    answers === undefined ? undefined : Float32Array.from(spansOf(answers, contexts, bare, places, reader).flat());
  const encoded = {
    input_ids: ids,
    ...(whole.token_type_ids === undefined ? {} : { token_type_ids: whole.token_type_ids.map(cut) }),
  };
  return {
    ...splitOf(
      id,
      encoded,
      tokenizer.pad_token_id ?? 0,
      labels === undefined ? undefined : { perRow: 2, values: labels },
    ),
    ids,
    contexts: places,
  };
}

/** First and last token of each answer. Tokens in front of it are counted by tokenizing what stands in front of it. */
function spansOf(
  answers: readonly (SpanAnswer | null)[],
  contexts: readonly string[],
  bare: readonly (readonly number[])[],
  places: readonly { from: number; to: number }[],
  reader: Reader,
): [number, number][] {
  const ends = answers.map((answer, row) => {
    const context = elementAt(contexts, row);
    if (answer === null) return { first: 0, end: 0 };
    const { text, answer_start: first } = answer;
    if (text !== '' && context.startsWith(text, first)) return { first, end: first + text.length };
    throw new DataError('An answer is not where it is said to be', {
      code: 'ANSWER_PLACE',
      found: JSON.stringify(context.slice(first, first + text.length)),
      expected: `${JSON.stringify(text)} from character ${first} of context ${row} on`,
    });
  });
  const before = bareIds(
    reader,
    contexts.map((context, row) => context.slice(0, ends[row]?.first).trimEnd()),
  );
  const through = bareIds(
    reader,
    contexts.map((context, row) => context.slice(0, ends[row]?.end)),
  );
  return answers.map((answer, row) => {
    if (answer === null) return [0, 0];
    const { from, to } = elementAt(places, row);
    const own = bare[row] ?? [];
    const first = from + common(before[row] ?? [], own);
    const last = Math.max(first, from + common(through[row] ?? [], own) - 1);
    return last < to ? [first, last] : [0, 0];
  });
}

/** How many ids two lists have in common from their beginning. */
function common(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((id, i) => id !== right[i]);
  return at === -1 ? left.length : at;
}
