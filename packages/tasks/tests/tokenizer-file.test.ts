import { FormatError } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../src/index.js';
import { failure } from './support/failure.js';
import { utf8 } from './support/tables.js';
import { miniBert, tinyTokenizer } from './support/tokenizers.js';

const pieces = ['<unk>', 'a', 'b'];

describe('a tokenizer.json that is none', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(), /is not JSON: found .*JSON/],
    ['cut off', miniBert.tokenizer.subarray(0, 30_000), /is not JSON: found .*JSON/],
    ['of several lines with an error', utf8('{\n "model": {\n  oops\n }\n}'), /is not JSON: found .*JSON/],
    ['a web page', utf8('<!doctype html>\n<title>404</title>'), /is not JSON: found .*</],
    ['a Git LFS pointer', utf8('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'), /is not JSON/],
    ['not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), /is not JSON: found .*encoded/],
    ['a list', utf8('[]'), /is not a JSON object/],
    ['null', utf8('null'), /is not a JSON object/],
    ['a string', utf8('"BPE"'), /is not a JSON object/],
    [
      'an object of other things',
      utf8('{}'),
      /is not a tokenizer: found .*"model".*, expected the file of a fast tokenizer, with a "model"/,
    ],
    ['a model that is a string', utf8('{"model":"BPE"}'), /is not a tokenizer: found .*"BPE"/],
    ['added tokens that are a number', tinyTokenizer(pieces, { added_tokens: 7 }), /is not a tokenizer: found .*7/],
    [
      'an added token without a number',
      tinyTokenizer(pieces, { added_tokens: [{ id: 'x', content: 'y' }] }),
      /is not a tokenizer: found .*"x"/,
    ],
    [
      'pieces of no length',
      tinyTokenizer(pieces, { pre_tokenizer: { type: 'FixedLength', length: 0 } }),
      /pieces of no length: found length "0"/,
    ],
    [
      'the same inside a sequence',
      tinyTokenizer(pieces, {
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'Whitespace' }, { type: 'FixedLength', length: -3 }],
        },
      }),
      /found length "-3"/,
    ],
    [
      'an error with a long text in it',
      tinyTokenizer(pieces, { added_tokens: 'long\ntext '.repeat(10_000) }),
      /is not a tokenizer: found .*long/,
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await failure(() => loadTokenizer(bytes));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe('TOKENIZER_FILE');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^tokenizer\.json /);
  });
});

describe('a tokenizer that cannot be built', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['a model of unknown type', tinyTokenizer(pieces, { model: { type: 'Telepathy' } }), /Telepathy/],
    ['a model without a type', tinyTokenizer(pieces, { model: {} }), /undefined/],
    ['a normalizer of unknown type', tinyTokenizer(pieces, { normalizer: { type: 'Magic' } }), /Magic/],
    ['a pre-tokenizer of unknown type', tinyTokenizer(pieces, { pre_tokenizer: { type: 'Magic' } }), /Magic/],
    ['a post-processor of unknown type', tinyTokenizer(pieces, { post_processor: { type: 'Magic' } }), /Magic/],
    [
      'a post-processor without its tokens',
      tinyTokenizer(pieces, { post_processor: { type: 'BertProcessing' } }),
      /cannot be built/,
    ],
    [
      'a model without a vocabulary',
      tinyTokenizer(pieces, { model: { type: 'WordPiece', unk_token: '<unk>' } }),
      /cannot be built/,
    ],
    [
      'a regular expression that is none',
      tinyTokenizer(pieces, {
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated', invert: false },
      }),
      /cannot be built/,
    ],
    [
      'no tokens for any text',
      tinyTokenizer([], { model: { type: 'BPE', vocab: { z: 0 }, merges: [] } }),
      /The special tokens of the tokenizer cannot be told from its text/,
    ],
    [
      'special tokens that have no number',
      tinyTokenizer([], {
        model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] },
        post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
      }),
      /special tokens of the tokenizer are not in its vocabulary: found \[CLS\] a \[SEP\] b \[SEP\]/,
    ],
    [
      'a template for pairs only',
      tinyTokenizer(pieces, {
        post_processor: {
          type: 'TemplateProcessing',
          pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
          special_tokens: {},
        },
      }),
      /cannot be built/,
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await failure(() => loadTokenizer(bytes));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe('TOKENIZER_KIND');
    expect(error.message).toMatch(message);
  });
});

describe('a vocabulary without the unknown token', () => {
  const tokenizer = loadTokenizer(tinyTokenizer(['a', 'b']));

  it('does for texts that it covers', () => {
    expect(tokenizer.encode('a b', 'b').ids).toEqual([0, 1, 1]);
  });

  it('is an error of the file at a text that it does not', async () => {
    for (const texts of [['a zebra'], ['a', 'b zebra']] as const) {
      const error = await failure(() => tokenizer.encode(...(texts as readonly [string, string?])));
      expect(error).toMatchObject({ code: 'TOKENIZER_KIND', found: '"<unk>"' });
    }
  });
});

describe('tokenizer_config.json', () => {
  it.each(['', '[]', 'null', '{"pad_token":', '7'])('is refused as %j', async (text) => {
    const error = await failure(() => loadTokenizer(miniBert.tokenizer, { config: utf8(text) }));
    expect(error).toMatchObject({
      code: 'TOKENIZER_FILE',
      message: expect.stringMatching(/^tokenizer_config\.json is not /),
    });
  });

  it('is taken with values of the wrong type, which are left aside', () => {
    const tokenizer = loadTokenizer(miniBert.tokenizer, {
      config: utf8('{"model_max_length":"long","pad_token":{"content":{}}}'),
    });
    expect([tokenizer.maxLength, tokenizer.padId]).toEqual([512, 0]);
  });

  it('that makes the library stumble is an error of the file', async () => {
    expect(
      await failure(() => loadTokenizer(miniBert.tokenizer, { config: utf8('{"additional_special_tokens":5}') })),
    ).toMatchObject({ code: 'TOKENIZER_KIND' });
  });
});
