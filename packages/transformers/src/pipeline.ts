import { ConfigError } from '@hadamard-adapter/core';
import {
  libraryOf,
  type LibraryModel,
  type LibraryPipeline,
  type LibraryTokenizer,
  type PipelineClass,
} from './library.js';
import { HadamardModelForFeatureExtraction, type FeatureExtractor } from './models/feature-extraction.js';
import { HadamardModelForQuestionAnswering, type QuestionAnswerer } from './models/question-answering.js';
import { HadamardModelForSequenceClassification, type SequenceClassifier } from './models/sequence-classification.js';
import { HadamardModelForTokenClassification, type TokenClassifier } from './models/token-classification.js';
import type { PretrainedOptions } from './types.js';

/** The model of each task of transformers.js that runs with adapters. */
export interface TaskModels {
  readonly 'text-classification': SequenceClassifier;
  readonly 'sentiment-analysis': SequenceClassifier;
  readonly 'token-classification': TokenClassifier;
  readonly ner: TokenClassifier;
  readonly 'question-answering': QuestionAnswerer;
  readonly 'feature-extraction': FeatureExtractor;
}

interface Entry<Model> {
  /** The name of the task that its pipeline knows. */
  readonly task: string;
  readonly pipeline: PipelineClass;
  readonly load: (id: string, options: PretrainedOptions) => Promise<Model>;
}

const sequence: Entry<SequenceClassifier> = {
  task: 'text-classification',
  pipeline: 'TextClassificationPipeline',
  load: HadamardModelForSequenceClassification.from_pretrained,
};
const token: Entry<TokenClassifier> = {
  task: 'token-classification',
  pipeline: 'TokenClassificationPipeline',
  load: HadamardModelForTokenClassification.from_pretrained,
};

const ENTRIES: { readonly [Name in keyof TaskModels]: Entry<TaskModels[Name]> } = {
  'text-classification': sequence,
  'sentiment-analysis': sequence,
  'token-classification': token,
  ner: token,
  'question-answering': {
    task: 'question-answering',
    pipeline: 'QuestionAnsweringPipeline',
    load: HadamardModelForQuestionAnswering.from_pretrained,
  },
  'feature-extraction': {
    task: 'feature-extraction',
    pipeline: 'FeatureExtractionPipeline',
    load: HadamardModelForFeatureExtraction.from_pretrained,
  },
};

/** A pipeline of transformers.js whose model has adapters. */
export type HadamardPipeline<Model> = LibraryPipeline & { readonly model: Model };

/**
 * `pipeline` of transformers.js with an active adapter: the pipeline object is its own.
 *
 * @param model hub id or path of the base model, or a model of the class for this task.
 * @throws ConfigError TASK_UNKNOWN; as `from_pretrained`.
 */
export async function pipeline<Name extends keyof TaskModels>(
  task: Name,
  model: string | TaskModels[Name],
  options: PretrainedOptions = {},
): Promise<HadamardPipeline<TaskModels[Name]>> {
  const entry: Entry<TaskModels[Name]> | undefined = Object.hasOwn(ENTRIES, task) ? ENTRIES[task] : undefined;
  if (entry === undefined)
    throw new ConfigError('There is no such pipeline with adapters', {
      code: 'TASK_UNKNOWN',
      found: String(task),
      expected: Object.keys(ENTRIES).join(', '),
    });
  const library = await libraryOf(options.transformers);
  const adapted: LibraryModel & { readonly tokenizer: LibraryTokenizer } =
    typeof model === 'string' ? await entry.load(model, options) : model;
  return new library[entry.pipeline]({
    task: entry.task,
    model: adapted,
    tokenizer: adapted.tokenizer,
  }) as HadamardPipeline<TaskModels[Name]>;
}
