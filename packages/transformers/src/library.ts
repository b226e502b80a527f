import { messageOf } from '@hadamard-adapter/core/internal';
import { ConfigError } from '@hadamard-adapter/core';
import type { LibraryEnv } from '@hadamard-adapter/hub/internal';

/** A tensor of transformers.js. */
export interface LibraryTensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

export interface LibraryConfig {
  readonly model_type?: string;
  readonly max_position_embeddings?: number;
  id2label?: Readonly<Record<string, string>>;
  label2id?: Readonly<Record<string, number>>;
  problem_type?: string | null;
}

/** Token ids of texts, one list for each. */
export interface Encoded {
  readonly input_ids: readonly (readonly number[])[];
  readonly token_type_ids?: readonly (readonly number[])[];
}

export interface LibraryTokenizer {
  (
    texts: readonly string[],
    options: {
      readonly text_pair?: readonly string[];
      readonly add_special_tokens?: boolean;
      readonly truncation: boolean;
      readonly max_length?: number;
      readonly padding: false;
      readonly return_tensor: false;
    },
  ): Encoded;
  decode(ids: readonly number[], options: { readonly skip_special_tokens: boolean }): string;
  readonly model_max_length?: number;
  readonly pad_token_id?: number;
}

/** A model of transformers.js: call it with what a tokenizer answered. */
export interface LibraryModel {
  (inputs: Readonly<Record<string, unknown>>): Promise<Record<string, LibraryTensor>>;
  config: LibraryConfig;
}

type ModelClass = new (config: LibraryConfig, sessions: object, configs: object) => LibraryModel;

/** The part of `@huggingface/transformers` 4 that this package uses; `@xenova/transformers` 2.17 has it too. */
export type TransformersLibrary = {
  readonly env: LibraryEnv;
  readonly AutoConfig: { from_pretrained(id: string, options?: object): Promise<LibraryConfig> };
  readonly AutoTokenizer: { from_pretrained(id: string, options?: object): Promise<LibraryTokenizer> };
  readonly PreTrainedModel: ModelClass;
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => LibraryTensor;
} & {
  readonly [Name in AutoClass]: {
    readonly MODEL_CLASS_MAPPINGS: readonly ReadonlyMap<string, string | readonly [string, ModelClass]>[];
  };
} & {
  readonly [Name in PipelineClass]: new (parts: {
    readonly task: string;
    readonly model: LibraryModel;
    readonly tokenizer: LibraryTokenizer;
  }) => LibraryPipeline;
};

/** Classes that know the model of each task. */
export type AutoClass =
  | 'AutoModel'
  | 'AutoModelForSequenceClassification'
  | 'AutoModelForTokenClassification'
  | 'AutoModelForQuestionAnswering';

export type PipelineClass =
  | 'FeatureExtractionPipeline'
  | 'TextClassificationPipeline'
  | 'TokenClassificationPipeline'
  | 'QuestionAnsweringPipeline';

/** A pipeline of transformers.js. */
export type LibraryPipeline = (...inputs: readonly unknown[]) => Promise<unknown>;

/**
 * The person's transformers.js: the one that is given, or the one that is installed.
 *
 * @throws ConfigError LIBRARY_MISSING.
 */
export async function libraryOf(given: unknown): Promise<TransformersLibrary> {
  const library = given ?? (await import('@huggingface/transformers').catch(importEarlier));
  if (isLibrary(library)) return library;
  return missing(new Error('it has no AutoTokenizer'));
}

/** As much as tells it from any other module. */
const isLibrary = (library: unknown): library is TransformersLibrary =>
  typeof (library as Partial<TransformersLibrary>).AutoTokenizer?.from_pretrained === 'function';

/**
 * The generation before. Its name is not written out, so that bundlers do not look for what is not installed; with one,
 * it is passed as `transformers`.
 */
function importEarlier(cause: unknown): Promise<unknown> {
  const name = ['@xenova', 'transformers'].join('/');
  return import(/* @vite-ignore */ name).catch(() => missing(cause));
}

function missing(cause: unknown): never {
  throw new ConfigError('transformers.js is not there', {
    code: 'LIBRARY_MISSING',
    found: messageOf(cause),
    expected: '@huggingface/transformers 4, or @xenova/transformers 2.17',
    hint: 'npm install @huggingface/transformers, or import it yourself and pass it as { transformers }.',
    cause,
  });
}

/** The class that transformers.js would take for a task with this configuration. */
export function modelClass(
  library: TransformersLibrary,
  auto: AutoClass,
  { model_type: type = '' }: LibraryConfig,
): ModelClass {
  for (const mapping of library[auto].MODEL_CLASS_MAPPINGS) {
    const entry = mapping.get(type);
    // A name stands for a class that the module exports.
    const found =
      typeof entry === 'string' ? (library as unknown as Readonly<Record<string, ModelClass>>)[entry] : entry?.[1];
    if (found !== undefined) return found;
  }
  return library.PreTrainedModel;
}
