import { UnsupportedError, type HeadKind, type Loss, type Pooling, type RowLoss } from '@hadamard-adapter/core';
import { FAMILIES } from '../families/families.js';
import type { Family } from '../families/family.js';
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

/** What the classes of several families call their classifiers. */
const CLASSIFIERS = ['classifier', 'qa_outputs', 'score'];

/** Modules that are neither adapter nor norm but stand behind the hidden states. */
const HEAD_MODULES = [...CLASSIFIERS, ...FAMILIES.flatMap(({ peft }) => peft?.headModules ?? [])];

export const isClassifier = (module: string): boolean =>
  HEAD_MODULES.some((name) => module === name || module.startsWith(`${name}.`));

/**
 * The classifier that was saved with an adapter (`modules_to_save`) as one of ours; without one, an adapter of
 * features, whose vectors are the mean over the tokens.
 *
 * @param family of the model that the folder names; undefined where nothing tells.
 * @param loss of a classifier of texts; default as in Hugging Face, `mse` for one label, else `cross-entropy`.
 * @throws UnsupportedError PEFT_CLASSIFIER for any other; MismatchError PEFT_SHAPE.
 */
export function classifierOf(
  tensors: readonly PeftTensor[],
  family: Family | undefined,
  task: string | undefined,
  hiddenSize: number,
  loss?: RowLoss,
): Classifier {
  if (tensors.length === 0) return { head: 'cosine', pooling: 'mean', loss: 'mse', numLabels: 1, values: new Map() };
  const modules = new Set(tensors.map(({ module }) => module));
  const head = family?.peft?.heads.find(
    (each) => sameSet(modules, [each.pooler, each.classifier]) && (each.pooler !== undefined || each.task === task),
  );
  if (head === undefined) throw refused(tensors, modules, family, task);
  const values = new Map<string, Float32Array>();
  const take = (module: string, name: string, rows: number | undefined): number => {
    const [weight, bias] = ['weight', 'bias'].map((part) =>
      tensors.find((each) => each.module === module && each.part === part),
    );
    if (weight === undefined || bias === undefined) throw refused(tensors, modules, family, task);
    const outputs = rows ?? weight.tensor.shape[0] ?? 0;
    if (outputs < 1) throw shapeError(weight.name, weight.tensor.shape, `[labels, ${hiddenSize}]`);
    values.set(`${name}.weight`, valuesOf(weight, [outputs, hiddenSize]));
    values.set(`${name}.bias`, valuesOf(bias, [outputs]));
    return outputs;
  };
  if (head.pooler !== undefined) take(head.pooler, 'pooler', hiddenSize);
  const numLabels = take(head.classifier, 'classifier', head.task === 'QUESTION_ANS' ? 2 : undefined);
  const losses = {
    SEQ_CLS: loss ?? (numLabels === 1 ? 'mse' : 'cross-entropy'),
    TOKEN_CLS: 'token-cross-entropy',
    QUESTION_ANS: 'span-cross-entropy',
  } as const;
  return {
    head: head.pooler === undefined ? 'linear' : 'tanh',
    pooling: head.pooling,
    loss: losses[head.task],
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
  family: Family | undefined,
  task: string | undefined,
): UnsupportedError {
  const names = listed(tensors.map(({ name }) => name));
  const ofTexts = task !== 'TOKEN_CLS' && task !== 'QUESTION_ANS';
  const poolerMissing = ofTexts && hasPoolerInBase(family) && sameSet(modules, ['classifier']);
  const other = family?.peft?.otherHead;
  const why = poolerMissing
    ? ', which reads a pooler that is not in the folder'
    : ofTexts && other !== undefined
      ? `, of ${family?.name}, which has ${other}`
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

/** Whether the pooler is part of the encoder, and `modules_to_save` may have left it out. */
function hasPoolerInBase(family: Family | undefined): boolean {
  return family?.peft?.heads.some(({ pooler }) => pooler?.startsWith(`${family.peft?.basePrefix}.`)) ?? false;
}
