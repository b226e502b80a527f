import { readFileSync } from 'node:fs';
import { loadTokenizer, type Tokenizer, type TokenizerOptions } from '../../src/index.js';
import { utf8 } from './tables.js';

const folder = new URL('../../../cli/assets/mini-bert/', import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));

/** The tokenizer of the embedded base model: word pieces, lower case, `[CLS] A [SEP] B [SEP]`. */
export const miniBert = { tokenizer: file('tokenizer.json'), config: file('tokenizer_config.json') };

export function loadMiniBert(options: TokenizerOptions = {}): Tokenizer {
  return loadTokenizer(miniBert.tokenizer, { config: miniBert.config, ...options });
}

/** A tokenizer.json of so few word pieces that ids can be told by eye: they count from 0 in the order given. */
export function tinyTokenizer(pieces: readonly string[], change: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const description = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  };
  return utf8(JSON.stringify({ ...description, ...change }));
}
