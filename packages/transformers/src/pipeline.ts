import { ConfigError } from '@hadamard-adapter/core';
import { libraryOf, type TextClassifier } from './library.js';
import { HadamardModelForSequenceClassification } from './sequence-classification.js';
import type { HadamardModel, PretrainedOptions } from './types.js';

/** A pipeline of transformers.js whose model has adapters. */
export type HadamardPipeline = TextClassifier & { readonly model: HadamardModel };

/**
 * `pipeline` of transformers.js with an active adapter: the pipeline object is its own.
 *
 * @param model hub id or path of the base model, or a model of `HadamardModelForSequenceClassification`.
 * @throws ConfigError TASK_UNKNOWN; as `from_pretrained`.
 */
export async function pipeline(task: 'text-classification' | 'sentiment-analysis', model: string | HadamardModel, options: PretrainedOptions = {}): Promise<HadamardPipeline> {
  if (task !== 'text-classification' && task !== 'sentiment-analysis') {
    throw new ConfigError('There is no such pipeline with adapters', { code: 'TASK_UNKNOWN', found: String(task), expected: 'text-classification or sentiment-analysis' });
  }
  const library = await libraryOf(options.transformers);
  const adapted = typeof model === 'string' ? await HadamardModelForSequenceClassification.from_pretrained(model, options) : model;
  return new library.TextClassificationPipeline({ task: 'text-classification', model: adapted, tokenizer: adapted.tokenizer }) as HadamardPipeline;
}
