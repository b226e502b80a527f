import { ALBERT } from './albert.js';
import { BART } from './bart.js';
import { BERT } from './bert.js';
import { DEBERTA } from './deberta.js';
import { DEBERTA_V2 } from './deberta-v2.js';
import { DISTILBERT } from './distilbert.js';
import { ELECTRA } from './electra.js';
import type { Family, ModelConfig, ModelType } from './family.js';
import { LONGFORMER } from './longformer.js';
import { MODERNBERT } from './modernbert.js';
import { MPNET } from './mpnet.js';
import { ROBERTA } from './roberta.js';
import { T5 } from './t5.js';

/** Every family that something is known of. A new one is a file beside these and a line here. */
export const FAMILIES: readonly Family[] = [
  ALBERT,
  BART,
  BERT,
  DEBERTA,
  DEBERTA_V2,
  DISTILBERT,
  ELECTRA,
  LONGFORMER,
  MODERNBERT,
  MPNET,
  ROBERTA,
  T5,
];

const BY_TYPE: ReadonlyMap<string, { readonly family: Family; readonly model: ModelType }> = new Map(
  FAMILIES.flatMap((family) => family.models.map((model) => [model.type, { family, model }] as const)),
);

/** The family of a `model_type`. */
export const familyOf = (type: string): Family | undefined => BY_TYPE.get(type)?.family;

/** Ends of the names of Hugging Face classes, by PEFT's `task_type`. */
const CLASS_ENDS = {
  SEQ_CLS: 'ForSequenceClassification',
  TOKEN_CLS: 'ForTokenClassification',
  QUESTION_ANS: 'ForQuestionAnswering',
  FEATURE_EXTRACTION: 'Model',
} as const;

/**
 * The Hugging Face class of a `model_type` for a task, as in `architectures` of `config.json`, by which transformers.js
 * chooses its own; undefined where it is not known.
 */
export function classNameOf(type: string, task: keyof typeof CLASS_ENDS): string | undefined {
  const prefix = BY_TYPE.get(type)?.model.classPrefix;
  return prefix === undefined ? undefined : `${prefix}${CLASS_ENDS[task]}`;
}

/** What a tokenizer has to be told of a model. */
export interface InputLimits {
  /** Positions that the model tells apart; absent when `config.json` does not say it in a number. */
  readonly longestInput?: number;
  /** How many of them no token ever has. */
  readonly positionOffset: number;
  /** The id that pads where the tokenizer has no token for it. */
  readonly padTokenId?: number;
}

/** What the `config.json` of any model says of its input: spread it into the options of `loadTokenizer`. */
export function inputLimits(config: ModelConfig): InputLimits {
  const { max_position_embeddings: positions, model_type: type, pad_token_id: padding } = config;
  return {
    ...(typeof positions === 'number' ? { longestInput: positions } : {}),
    positionOffset: familyOf(String(type))?.positionOffset?.(config) ?? 0,
    ...(typeof padding === 'number' ? { padTokenId: padding } : {}),
  };
}
