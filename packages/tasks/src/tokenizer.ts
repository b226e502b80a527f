import { isObject } from '@hadamard-adapter/core/internal';
import { FormatError } from '@hadamard-adapter/core';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { quote, reason } from './text.js';

/** Token ids of one text or pair, special tokens included. */
export interface Encoding {
  readonly ids: readonly number[];
  /** Segment of each token: 0, or 1 for the second text. */
  readonly typeIds: readonly number[];
  /** Whether something was cut off. */
  readonly truncated: boolean;
}

export interface Tokenizer {
  readonly padId: number;
  /** Most tokens of an encoding. */
  readonly maxLength: number;
  encode(text: string, pair?: string): Encoding;
}

export interface TokenizerOptions {
  /** `tokenizer_config.json`. */
  readonly config?: Uint8Array;
  /** Positions that the model tells apart (`max_position_embeddings`); they limit the length. */
  readonly longestInput?: number;
  /** How many of them no token ever has; default none. RoBERTa and its kin count from behind the padding id. */
  readonly positionOffset?: number;
  /** Id that pads where the tokenizer has no token for it (`pad_token_id` of the model); default 0. */
  readonly padTokenId?: number;
  /** Cut to this length, if the model allows it. */
  readonly maxLength?: number;
}

const MAX_BYTES = 256 * 2 ** 20;
/** Longest cut when neither tokenizer nor model says one. */
const DEFAULT_MAX_LENGTH = 512;
/**
 * Characters looked at per token of the maximum length. A word piece has rarely more than a dozen characters; what lies
 * beyond is cut off before tokenization, so that a text of a megabyte costs no more than its beginning.
 */
const CHARACTERS_PER_TOKEN = 32;

const schema = v.looseObject({
  model: v.looseObject({}),
  added_tokens: v.optional(v.array(v.looseObject({ id: v.number(), content: v.string() }))),
});

/**
 * Load a fast tokenizer from its `tokenizer.json`, with the library of Hugging Face.
 *
 * @throws FormatError TOKENIZER_FILE when it is not JSON or not a tokenizer; TOKENIZER_KIND when the library cannot
 *   build it, and from `encode` when a text has no tokens.
 */
export function loadTokenizer(file: Uint8Array, options: TokenizerOptions = {}): Tokenizer {
  const { config } = options;
  const description = v.safeParse(schema, parseJson(file, 'tokenizer.json'));
  if (!description.success) {
    throw new FormatError('tokenizer.json is not a tokenizer', {
      code: 'TOKENIZER_FILE',
      found: reason(description.issues[0]),
      expected: 'the file of a fast tokenizer, with a "model"',
    });
  }
  checkPreTokenizer(description.output['pre_tokenizer']);
  const settings = config === undefined ? {} : recordOf(parseJson(config, 'tokenizer_config.json'));
  const tokenizer = build(description.output, settings);
  const length = maximumLength(options, settings);
  const pieces = (text: string): number[] => piecesOf(tokenizer, text);
  const template = guarded(() => templateOf(tokenizer, hasOneType(description.output['post_processor'])));
  return {
    padId: padId(tokenizer, settings, options),
    maxLength: length,
    encode(text, pair) {
      const budget = length * CHARACTERS_PER_TOKEN;
      const [begun, pairBegun] = [shorten(text, budget), pair === undefined ? undefined : shorten(pair, budget)];
      const encoding = template.assemble(
        pieces(begun),
        pairBegun === undefined ? undefined : pieces(pairBegun),
        length,
      );
      return { ...encoding, truncated: encoding.truncated || lost(text, begun) || lost(pair ?? '', pairBegun ?? '') };
    },
  };
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  if (bytes.byteLength > MAX_BYTES)
    throw new FormatError(`${name} is too large`, {
      code: 'TOKENIZER_FILE',
      found: `${bytes.byteLength} bytes`,
      expected: 'at most 256 MiB',
    });
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw new FormatError(`${name} is not JSON`, { code: 'TOKENIZER_FILE', found: reason(cause), cause });
  }
  throw new FormatError(`${name} is not a JSON object`, { code: 'TOKENIZER_FILE' });
}

function build(description: object, settings: object): HuggingFaceTokenizer {
  return guarded(() => {
    // Truncation and padding are done here; a setting in the file would do it twice.
    const tokenizer = new HuggingFaceTokenizer({ ...description, truncation: null, padding: null }, settings);
    tokenizer.encode('a', { text_pair: 'b' });
    return tokenizer;
  });
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {});

/** The library would cut a text into pieces of no length for ever. */
function checkPreTokenizer(description: unknown): void {
  if (!isObject(description)) return;
  const { type, length, pretokenizers } = description;
  if (type === 'FixedLength' && !(typeof length === 'number' && Number.isInteger(length) && length > 0)) {
    throw new FormatError('tokenizer.json cuts texts into pieces of no length', {
      code: 'TOKENIZER_FILE',
      found: `length ${quote(String(length))}`,
      expected: 'a whole number from 1 on',
    });
  }
  if (Array.isArray(pretokenizers)) for (const each of pretokenizers) checkPreTokenizer(each);
}

/** The library trusts the file: whatever it stumbles over is an error of the file. */
function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('tokenizer.json describes a tokenizer that cannot be built', {
      code: 'TOKENIZER_KIND',
      found: reason(cause),
      cause,
    });
  }
}

/**
 * Tokens of a text alone. The library goes on without an id where neither a piece nor an unknown token is in the
 * vocabulary; a model would take that for padding.
 */
function piecesOf(tokenizer: HuggingFaceTokenizer, text: string): number[] {
  const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: false });
  const missing = ids.findIndex((id: unknown) => typeof id !== 'number');
  if (missing < 0) return ids;
  throw new FormatError('The tokenizer has no token for something in a text, and none for what is unknown', {
    code: 'TOKENIZER_KIND',
    found: quote(String(tokens[missing])),
  });
}

/** The smallest of what the person, the tokenizer and the model allow. */
function maximumLength(
  { longestInput, positionOffset = 0, maxLength: asked }: TokenizerOptions,
  settings: Readonly<Record<string, unknown>>,
): number {
  const sane = (value: unknown): number[] =>
    typeof value === 'number' && Number.isInteger(value) && value > 2 && value < 1e6 ? [value] : [];
  const positions = sane(longestInput).map((count) => count - positionOffset);
  const limits = [...sane(settings['model_max_length']), ...positions];
  const limit = limits.length === 0 ? DEFAULT_MAX_LENGTH : Math.min(...limits);
  return asked === undefined ? limit : Math.max(3, Math.min(asked, limit));
}

function padId(
  tokenizer: HuggingFaceTokenizer,
  settings: Readonly<Record<string, unknown>>,
  { padTokenId }: TokenizerOptions,
): number {
  const token = settings['pad_token'];
  const name =
    typeof token === 'string'
      ? token
      : typeof token === 'object' && token !== null && 'content' in token
        ? String(token.content)
        : undefined;
  const id =
    (name === undefined ? undefined : tokenizer.token_to_id(name)) ??
    tokenizer.token_to_id('[PAD]') ??
    tokenizer.token_to_id('<pad>') ??
    padTokenId;
  return typeof id === 'number' && id >= 0 ? id : 0;
}

function shorten(text: string, budget: number): string {
  if (text.length <= budget) return text;
  const cut = text.slice(0, budget);
  const space = cut.search(/\s\S*$/);
  return space > 0 ? cut.slice(0, space) : cut;
}

/** Whether more than white space was left out of a shortened text. */
function lost(text: string, begun: string): boolean {
  return text.length > begun.length && /\S/.test(text.slice(begun.length));
}

/**
 * RoBERTa's processor gives every token type 0, and its models have a table of one type only. The library gives the
 * second text type 1.
 */
function hasOneType(processor: unknown): boolean {
  if (!isObject(processor)) return false;
  const { type, processors } = processor;
  return type === 'RobertaProcessing' || (Array.isArray(processors) && processors.some(hasOneType));
}

interface Template {
  assemble(first: readonly number[], second: readonly number[] | undefined, maxLength: number): Encoding;
}

/**
 * The special tokens around one text and around a pair, read off two small encodings: `[CLS] A [SEP] B [SEP]`, `<s> A
 * </s></s> B </s>`, whatever the post-processor writes.
 */
function templateOf(tokenizer: HuggingFaceTokenizer, oneType: boolean): Template {
  const [a, b] = [piecesOf(tokenizer, 'a'), piecesOf(tokenizer, 'b')];
  const single = tokenizer.encode('a', { return_token_type_ids: true });
  const double = tokenizer.encode('a', { text_pair: 'b', return_token_type_ids: true });
  if (![...single.ids, ...double.ids].every((id: unknown) => typeof id === 'number' && id >= 0)) {
    throw new FormatError('The special tokens of the tokenizer are not in its vocabulary', {
      code: 'TOKENIZER_KIND',
      found: reason(double.tokens.join(' ')),
    });
  }
  const [start, end] = around(single.ids, a, 0);
  const [pairStart, afterFirst] = around(double.ids, a, 0);
  const [beforeSecond, pairEnd] = around(double.ids, b, afterFirst);
  // Without a post-processor the library gives none.
  const types = oneType ? double.ids.map(() => 0) : (double.token_type_ids ?? double.ids.map(() => 0));

  return {
    assemble(first, second, maxLength) {
      if (second === undefined) {
        const room = Math.max(0, maxLength - (single.ids.length - a.length));
        const kept = first.slice(0, room);
        const ids = [...single.ids.slice(0, start), ...kept, ...single.ids.slice(end)];
        return { ids, typeIds: ids.map(() => 0), truncated: kept.length < first.length };
      }
      const room = Math.max(0, maxLength - (double.ids.length - a.length - b.length));
      const [left, right] = longestFirst(first.length, second.length, room);
      const segment = (from: number, to: number): number[] => types.slice(from, to);
      const secondType = types[beforeSecond] ?? 0;
      return {
        ids: [
          ...double.ids.slice(0, pairStart),
          ...first.slice(0, left),
          ...double.ids.slice(afterFirst, beforeSecond),
          ...second.slice(0, right),
          ...double.ids.slice(pairEnd),
        ],
        typeIds: [
          ...segment(0, pairStart),
          ...Array.from({ length: left }, () => 0),
          ...segment(afterFirst, beforeSecond),
          ...Array.from({ length: right }, () => secondType),
          ...segment(pairEnd, double.ids.length),
        ],
        truncated: left < first.length || right < second.length,
      };
    },
  };
}

/** Where `part` lies in `ids` from `from` on: [start, end]. */
function around(ids: readonly number[], part: readonly number[], from: number): [number, number] {
  for (let start = from; part.length > 0 && start + part.length <= ids.length; start++) {
    if (part.every((id, i) => ids[start + i] === id)) return [start, start + part.length];
  }
  throw new FormatError('The special tokens of the tokenizer cannot be told from its text', {
    code: 'TOKENIZER_KIND',
    found: reason(`${ids.join(' ')} without ${part.join(' ') || 'any'}`),
  });
}

/**
 * Lengths that fit `room`, taking tokens from the longer text first, as Hugging Face's `longest_first`: both texts
 * stay. Of two of one length the second keeps the odd token.
 */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  const excess = Math.max(0, first + second - room);
  if (excess === 0) return [first, second];
  const [long, short] = [Math.max(first, second), Math.min(first, second)];
  // Cut the longer down to the shorter, then both alike.
  const fromLong = Math.min(excess, long - short);
  const rest = excess - fromLong;
  const longKept = Math.max(0, long - fromLong - Math.floor(rest / 2));
  const shortKept = Math.max(0, short - Math.ceil(rest / 2));
  return first > second ? [longKept, shortKept] : [shortKept, longKept];
}
