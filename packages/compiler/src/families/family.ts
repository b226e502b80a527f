import type { Pooling } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { WeightSource } from './weights.js';

/** `config.json` of a Hugging Face model. */
export type ModelConfig = Readonly<Record<string, unknown>>;

/** All that is known of one family of encoders. Nothing else in the packages tells families apart by name. */
export interface Family {
  /** What messages call it. */
  readonly name: string;
  readonly models: readonly ModelType[];
  /** Fields of `config.json` that `build` reads. Those in `INPUT_FIELDS` are read of every model. */
  readonly fields: readonly string[];
  /**
   * The graph of a checkpoint; absent where only exported models of the family are read.
   *
   * @throws ConfigError MODEL_CONFIG for a setting that is not built; MismatchError CHECKPOINT_TENSOR when the weights
   *   are others.
   */
  readonly build?: (config: unknown, weights: WeightSource) => Graph;
  /**
   * How many of the positions that `max_position_embeddings` counts no token ever has. Absent where the first token has
   * the first.
   */
  readonly positionOffset?: (config: ModelConfig) => number;
  /** What PEFT trains of it. */
  readonly peft?: PeftModules;
}

/** Models that differ in nothing but their name. */
export interface ModelType {
  /** `model_type` in `config.json`. */
  readonly type: string;
  /** How the classes of Hugging Face transformers begin, `Bert` of `BertModel`; absent where nobody asked so far. */
  readonly classPrefix?: string;
}

/** Fields of `config.json` that `inputLimits` reads of every model. */
export const INPUT_FIELDS = ['max_position_embeddings', 'model_type', 'pad_token_id'] as const;

/** Modules of a model as PEFT's files name them. */
export interface PeftModules {
  /** What models with a head call their encoder: `base_model_prefix` in Hugging Face, `bert` of `bert.encoder.…`. */
  readonly basePrefix: string;
  /** Whether norms follow the residual sums, as in BERT, or stand in front of the blocks, as in T5. */
  readonly norms: 'behind' | 'before';
  /**
   * Output projections of attentions, and the norms that `findSites` finds for them (PEFT's `target_modules`), by path,
   * `#` for the number of the layer.
   */
  readonly targets: Readonly<Record<string, TargetModule>>;
  /** Classifiers of it that are ours too. */
  readonly heads: readonly HeadModules[];
  /** Modules behind the hidden states besides `classifier` and `qa_outputs`: part of a head, ours or not. */
  readonly headModules?: readonly string[];
  /** Why its classifier of texts is none of ours. */
  readonly otherHead?: string;
}

/** What a module is: the projection that an adapter scales, the norm of the attention, or that of the feed-forward. */
export type ModuleRole = 'adapter' | 'attention_norm' | 'output_norm';

export interface TargetModule {
  readonly role: ModuleRole;
  readonly part?: 'decoder';
  readonly kind?: 'cross';
  /**
   * Where its number is not that of its layer. `every`: one module serves all layers. `previous`: a norm in front of
   * the attention follows the feed-forward of the layer before.
   */
  readonly layer?: 'last' | 'every' | 'previous';
}

/** A classifier that was saved with an adapter (PEFT's `modules_to_save`). */
export interface HeadModules {
  /** PEFT's `task_type`. */
  readonly task: 'SEQ_CLS' | 'TOKEN_CLS' | 'QUESTION_ANS';
  /** The layer in front with tanh. */
  readonly pooler?: string;
  readonly classifier: string;
  readonly pooling: Pooling;
}

/** One layer on every token. */
export const TOKEN_HEAD: HeadModules = { task: 'TOKEN_CLS', classifier: 'classifier', pooling: 'none' };
/** One layer on every token, for start and end of an answer. */
export const SPAN_HEAD: HeadModules = { task: 'QUESTION_ANS', classifier: 'qa_outputs', pooling: 'none' };

/** A classifier on the first token, its two layers with tanh between them under these names. */
export const firstTokenHead = (pooler: string, classifier: string): HeadModules => ({
  task: 'SEQ_CLS',
  pooler,
  classifier,
  pooling: 'first',
});

/** The module paths of a layer, by its number or `#` for any. */
export type InLayer<Modules> = (layer: number | '#') => Modules;

/** What is trained at an attention. */
export interface AttentionTargets {
  /** Its output projection. */
  readonly output: string;
  readonly attentionNorm: string;
}

/** The targets at an attention, and the norm behind the feed-forward where there is one. */
export function layerTargets(
  { output, attentionNorm, outputNorm }: AttentionTargets & { readonly outputNorm?: string },
  where: Omit<TargetModule, 'role'> = {},
): Readonly<Record<string, TargetModule>> {
  return {
    [output]: { role: 'adapter', ...where },
    [attentionNorm]: { role: 'attention_norm', ...where },
    ...(outputNorm === undefined ? {} : { [outputNorm]: { role: 'output_norm', ...where } }),
  };
}

/** RoBERTa and its kin count positions from the padding id on, so the first rows of the table are never used. */
export function offsetBehindPadding({ pad_token_id: padding }: ModelConfig): number {
  return (typeof padding === 'number' ? padding : 1) + 1;
}
