import { UnsupportedError, type HeadKind, type Loss, type Pooling, type RowLoss } from '@hadamard-adapter/core';
import { listed } from './refuse.js';
import { shapeError, valuesOf, type PeftTensor } from './tensors.js';

/** What becomes of the classifier of a PEFT folder, or of its absence. */
export interface Classifier {
  readonly head: HeadKind;
  readonly pooling: Pooling;
  readonly loss: Loss;
  readonly numLabels: number;
  /** By the names of `headParameters`. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** A classifier of Hugging Face that is one of ours: `pooler` is the layer in front with tanh. */
interface Form {
  readonly models: readonly string[];
  readonly pooler?: string;
  readonly classifier: string;
  readonly pooling: Pooling;
  /** Of tokens, or of texts. */
  readonly task: 'SEQ_CLS' | 'TOKEN_CLS' | 'QUESTION_ANS';
}

const FORMS: readonly Form[] = [
  {
    models: ['roberta', 'mpnet'],
    pooler: 'classifier.dense',
    classifier: 'classifier.out_proj',
    pooling: 'first',
    task: 'SEQ_CLS',
  },
  { models: ['bert'], pooler: 'bert.pooler.dense', classifier: 'classifier', pooling: 'first', task: 'SEQ_CLS' },
  { models: ['albert'], pooler: 'albert.pooler', classifier: 'classifier', pooling: 'first', task: 'SEQ_CLS' },
  // It reads the decoder at the end token, the last one of a text.
  {
    models: ['bart'],
    pooler: 'classification_head.dense',
    classifier: 'classification_head.out_proj',
    pooling: 'last',
    task: 'SEQ_CLS',
  },
  {
    models: ['bert', 'roberta', 'electra', 'deberta', 'mpnet', 'distilbert', 'albert', 't5'],
    classifier: 'classifier',
    pooling: 'none',
    task: 'TOKEN_CLS',
  },
  {
    models: ['bert', 'roberta', 'electra', 'deberta', 'mpnet', 'distilbert', 'albert', 'bart'],
    classifier: 'qa_outputs',
    pooling: 'none',
    task: 'QUESTION_ANS',
  },
];

/** Why the classifier of texts of these models is none of ours. */
const OTHERS: Readonly<Record<string, string>> = {
  electra: 'a GELU between its layers',
  deberta: 'a GELU between pooler and classifier',
  distilbert: 'a ReLU behind pre_classifier',
  modernbert: 'a GELU and a norm between its layers',
};

/** Modules that are neither adapter nor norm but stand behind the hidden states. */
const BEHIND =
  /^(?:(?:classifier|classification_head|pre_classifier|qa_outputs|score|head|pooler)(?:\.|$)|(?:bert|albert)\.pooler(?:\.|$))/;

export const isClassifier = (module: string): boolean => BEHIND.test(module);

/**
 * The classifier that was saved with an adapter (`modules_to_save`) as one of ours; without one, an adapter of
 * features, whose vectors are the mean over the tokens.
 *
 * @param model see `KnownModule`.
 * @param loss of a classifier of texts; default as in Hugging Face, `mse` for one label, else `cross-entropy`.
 * @throws UnsupportedError PEFT_CLASSIFIER for any other; MismatchError PEFT_SHAPE.
 */
export function classifierOf(
  tensors: readonly PeftTensor[],
  model: string,
  task: string | undefined,
  hiddenSize: number,
  loss?: RowLoss,
): Classifier {
  if (tensors.length === 0) return { head: 'cosine', pooling: 'mean', loss: 'mse', numLabels: 1, values: new Map() };
  const modules = new Set(tensors.map(({ module }) => module));
  const form = FORMS.find(
    (each) =>
      each.models.includes(model) &&
      sameSet(modules, [each.pooler, each.classifier]) &&
      (each.pooler !== undefined || each.task === task),
  );
  if (form === undefined) throw refused(tensors, modules, model, task);
  const values = new Map<string, Float32Array>();
  const take = (module: string, name: string, rows: number | undefined): number => {
    const [weight, bias] = ['weight', 'bias'].map((part) =>
      tensors.find((each) => each.module === module && each.part === part),
    );
    if (weight === undefined || bias === undefined) throw refused(tensors, modules, model, task);
    const outputs = rows ?? weight.tensor.shape[0] ?? 0;
    if (outputs < 1) throw shapeError(weight.name, weight.tensor.shape, `[labels, ${hiddenSize}]`);
    values.set(`${name}.weight`, valuesOf(weight, [outputs, hiddenSize]));
    values.set(`${name}.bias`, valuesOf(bias, [outputs]));
    return outputs;
  };
  if (form.pooler !== undefined) take(form.pooler, 'pooler', hiddenSize);
  const numLabels = take(form.classifier, 'classifier', form.task === 'QUESTION_ANS' ? 2 : undefined);
  const losses = {
    SEQ_CLS: loss ?? (numLabels === 1 ? 'mse' : 'cross-entropy'),
    TOKEN_CLS: 'token-cross-entropy',
    QUESTION_ANS: 'span-cross-entropy',
  } as const;
  return {
    head: form.pooler === undefined ? 'linear' : 'tanh',
    pooling: form.pooling,
    loss: losses[form.task],
    numLabels,
    values,
  };
}

function sameSet(found: ReadonlySet<string>, wanted: readonly (string | undefined)[]): boolean {
  const names = wanted.filter((name) => name !== undefined);
  return names.length === found.size && names.every((name) => found.has(name));
}

function refused(
  tensors: readonly PeftTensor[],
  modules: ReadonlySet<string>,
  model: string,
  task: string | undefined,
): UnsupportedError {
  const names = listed(tensors.map(({ name }) => name));
  const poolerMissing =
    (model === 'bert' || model === 'albert') &&
    task !== 'TOKEN_CLS' &&
    task !== 'QUESTION_ANS' &&
    sameSet(modules, ['classifier']);
  const why = poolerMissing
    ? ', which reads a pooler that is not in the folder'
    : task !== 'TOKEN_CLS' && task !== 'QUESTION_ANS' && OTHERS[model] !== undefined
      ? `, of ${model}, which has ${OTHERS[model]}`
      : '';
  return new UnsupportedError('The classifier of the PEFT folder is none that this project has', {
    code: 'PEFT_CLASSIFIER',
    found: `${names}${why}`,
    expected:
      'tanh between two layers on one position (RoBERTa, BART; BERT and ALBERT with their pooler), or one layer ' +
      'on every token with task_type "TOKEN_CLS" or "QUESTION_ANS"; weight and bias of each',
    hint: poolerMissing
      ? 'Train it with modules_to_save ["pooler", "classifier"].'
      : 'Take the adapter without it, trained with task_type "FEATURE_EXTRACTION", and train a classifier here.',
  });
}
