import type { Metric, StageResult, TrainEvent, TwoStageOptions } from '@hadamard-adapter/core';
import type { AdapterConfig } from '@hadamard-adapter/core/folder';
import type { HubOptions } from '@hadamard-adapter/hub/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import type { AdapterSource } from './adapter-files.js';
import type { LibraryModel, LibraryTokenizer } from './library.js';
import type { ModelFileOptions } from './model-file.js';
import type { Row } from './task.js';

export interface PretrainedOptions extends ModelFileOptions {
  /** Your transformers.js; the installed `@huggingface/transformers` when absent. */
  readonly transformers?: unknown;
  /** `cpu`, `cuda`, `webgpu` in Node, `wasm`, `webgpu` in a browser. */
  readonly device?: string;
  readonly threads?: number;
  /** An adapter to load and make active, under the name `default`. */
  readonly adapter?: AdapterSource;
}

export interface FitOptions<Data> extends Pick<SessionOptions, 'site' | 'norm' | 'layers' | 'pooling' | 'dropout'> {
  /** Name of the adapter that is trained; one of that name goes on from where it is. Default `default`. */
  readonly adapter_name?: string;
  /** Names of the labels by index; default: those of the data in alphabetic order. */
  readonly id2label?: readonly string[] | Readonly<Record<string, string>>;
  readonly num_train_epochs?: number;
  /** Of stage two; that of the classifier is in `classifier`. */
  readonly learning_rate?: number;
  readonly per_device_train_batch_size?: number;
  readonly classifier?: TwoStageOptions['classifier'];
  readonly seed?: number;
  /** Scored after every epoch; the best one is kept. */
  readonly eval_dataset?: Data | readonly Row[];
  /** Default: that of the task. */
  readonly metric?: Metric;
  readonly signal?: AbortSignal;
  readonly on_progress?: (event: TrainEvent) => void;
}

/** What a new adapter is made for. */
export interface AddOptions extends Pick<FitOptions<unknown>, 'site' | 'norm' | 'layers' | 'pooling' | 'seed'> {
  /** Needed where there is a classifier of labels. */
  readonly id2label?: FitOptions<unknown>['id2label'];
}

/** What `fit` did. */
export interface FitResult {
  readonly adapter_name: string;
  readonly stages: readonly StageResult[];
}

/** What a model with adapters can do besides what transformers.js lets it, whatever its task. */
export interface AdapterMethods<Data> {
  readonly tokenizer: LibraryTokenizer;
  /**
   * Train an adapter in two stages and make it active. Data comes in columns, or as rows of a dataset (`[{ text, label
   * }]`).
   */
  fit(data: Data | readonly Row[], options?: FitOptions<Data>): Promise<FitResult>;
  /** Scores of the active adapter. */
  evaluate(
    data: Data | readonly Row[],
    options?: { readonly metric?: Metric; readonly batch_size?: number },
  ): Promise<Readonly<Record<string, number>>>;
  /** Load an adapter folder and make it active: one of ours, or an IA³ or LN-tuning folder of PEFT. */
  load_adapter(source: AdapterSource, options?: LoadAdapterOptions): Promise<AdapterConfig>;
  /**
   * A new adapter that has learned nothing yet: the identity, with a classifier of small random numbers. Makes it
   * active.
   */
  add_adapter(name: string, options?: AddOptions): Promise<AdapterConfig>;
  set_adapter(name: string): Promise<AdapterConfig>;
  delete_adapter(name: string): void;
  /**
   * Answer as the base model, with its own classifier where it was exported with one: while `work` runs, or until an
   * adapter is set.
   */
  disable_adapter(): void;
  disable_adapter<T>(work: () => Promise<T>): Promise<T>;
  /**
   * The active adapter folded into the weights: a plain ONNX file in chunks, which transformers.js runs as
   * `onnx/model.onnx` without any adapter.
   */
  merge_and_unload(options?: AdapterChoice): Promise<Uint8Array[]>;
  /** Write the folder of an adapter, the active one by default, in PEFT's layout. */
  save_pretrained(target: string | FileSystemDirectoryHandle, options?: AdapterChoice): Promise<void>;
  /** PEFT's line: trained numbers, all of them, and the share; answered and printed. */
  print_trainable_parameters(): string;
  dispose(): Promise<unknown>;
}

/** Which adapters answer, and how many rows at once. */
export interface AnswerOptions {
  /** One adapter for each row; `__base__` for none. Default: the active one. */
  readonly adapter_names?: readonly string[];
  readonly batch_size?: number;
}

export interface AdapterChoice {
  readonly adapter_name?: string;
}

export interface LoadAdapterOptions extends AdapterChoice, HubOptions {}

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

/** Methods also under names in camel case: `load_adapter` is `loadAdapter`. */
export type WithAliases<Methods> = Methods & {
  readonly [Name in keyof Methods as Camel<Name & string>]: Methods[Name];
};

/** A model of transformers.js whose answers are those of the active Hadamard adapter. */
export type AdaptedModel<Data> = LibraryModel &
  WithAliases<AdapterMethods<Data>> & {
    (
      inputs: Readonly<Record<string, unknown>> & { readonly adapter_names?: readonly string[] },
    ): ReturnType<LibraryModel>;
    readonly active_adapter: string | undefined;
    /** Names of the loaded adapters. */
    readonly adapters: readonly string[];
  };
