import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../src/index.js';
import { loadMiniBert, miniBert, tinyTokenizer } from './support/tokenizers.js';

const tokenizer = loadMiniBert();
const vocabulary = (
  JSON.parse(new TextDecoder().decode(miniBert.tokenizer)) as { model: { vocab: Record<string, number> } }
).model.vocab;
const names = new Map(Object.entries(vocabulary).map(([name, id]) => [id, name]));
const words = (text: string, pair?: string): string =>
  tokenizer
    .encode(text, pair)
    .ids.map((id) => names.get(id))
    .join(' ');

describe('the tokenizer of the embedded model', () => {
  it('puts special tokens around one text', () => {
    expect(words('the yesterday meetings')).toBe('[CLS] the yesterday meetings [SEP]');
    expect(tokenizer.encode('the yesterday meetings')).toMatchObject({ typeIds: [0, 0, 0, 0, 0], truncated: false });
  });

  it('puts special tokens around a pair, and tells its parts apart by type', () => {
    expect(words('the tool', 'stores')).toBe('[CLS] the tool [SEP] stores [SEP]');
    expect(tokenizer.encode('the tool', 'stores').typeIds).toEqual([0, 0, 0, 0, 1, 1]);
  });

  it('takes words apart, in lower case and without accents', () => {
    expect(words('TOOL')).toBe('[CLS] tool [SEP]');
    expect(words('Töol')).toBe('[CLS] tool [SEP]');
    expect(words('toolded')).toBe('[CLS] tool ##ded [SEP]');
    expect(words('漢')).toBe('[CLS] [UNK] [SEP]');
  });

  it('reads names of special tokens as such, also from the text, as the reference implementation does', () => {
    expect(words('tool [SEP] tool')).toBe('[CLS] tool [SEP] tool [SEP]');
  });

  it('gives special tokens alone for nothing', () => {
    expect(words('')).toBe('[CLS] [SEP]');
    expect(words(' \n\t ')).toBe('[CLS] [SEP]');
    expect(tokenizer.encode('')).toEqual({
      ids: [vocabulary['[CLS]'], vocabulary['[SEP]']],
      typeIds: [0, 0],
      truncated: false,
    });
  });

  it('knows an empty second text from none', () => {
    expect(words('tool', '')).toBe('[CLS] tool [SEP] [SEP]');
    expect(tokenizer.encode('tool', '').typeIds).toEqual([0, 0, 0, 1]);
    expect(words('', 'tool')).toBe('[CLS] [SEP] tool [SEP]');
    expect(words('', '')).toBe('[CLS] [SEP] [SEP]');
  });

  it('knows words that are names of JavaScript’s own', () => {
    for (const word of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const { ids } = tokenizer.encode(word);
      expect(ids.length).toBeGreaterThan(2);
      expect(ids.every((id) => names.has(id))).toBe(true);
    }
  });

  it('pads with [PAD]', () => {
    expect(names.get(tokenizer.padId)).toBe('[PAD]');
  });
});

// The template is read off the post-processor: these are the ways of BERT's relatives.
describe('other tokenizers', () => {
  const pieces = ['<pad>', '<unk>', '<s>', '</s>', 'a', 'b', 'red', 'fox'];
  const special = (name: string, type = 0): object => ({ SpecialToken: { id: name, type_id: type } });
  const sequence = (id: 'A' | 'B', type = 0): object => ({ Sequence: { id, type_id: type } });
  const template = (single: readonly object[], pair: readonly object[]): object => ({
    type: 'TemplateProcessing',
    single,
    pair,
    special_tokens: {
      '<s>': { id: '<s>', ids: [2], tokens: ['<s>'] },
      '</s>': { id: '</s>', ids: [3], tokens: ['</s>'] },
    },
  });

  it('with two separators between the parts and one type, like RoBERTa', () => {
    const tokenizer = loadTokenizer(
      tinyTokenizer(pieces, {
        post_processor: {
          type: 'RobertaProcessing',
          sep: ['</s>', 3],
          cls: ['<s>', 2],
          trim_offsets: true,
          add_prefix_space: false,
        },
      }),
    );
    expect(tokenizer.encode('red fox').ids).toEqual([2, 6, 7, 3]);
    expect(tokenizer.encode('red', 'fox red')).toEqual({
      ids: [2, 6, 3, 3, 7, 6, 3],
      typeIds: [0, 0, 0, 0, 0, 0, 0],
      truncated: false,
    });
    expect(tokenizer.padId).toBe(0);
  });

  it('with RoBERTa’s processor among others', () => {
    const processors = [
      { type: 'RobertaProcessing', sep: ['</s>', 3], cls: ['<s>', 2], trim_offsets: true, add_prefix_space: false },
    ];
    expect(
      loadTokenizer(tinyTokenizer(pieces, { post_processor: { type: 'Sequence', processors } })).encode('red', 'fox')
        .typeIds,
    ).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('with a template of its own, types included', () => {
    const file = tinyTokenizer(pieces, {
      post_processor: template(
        [sequence('A'), special('</s>')],
        [special('<s>'), sequence('A'), special('</s>'), sequence('B', 1), special('</s>', 1), special('</s>', 1)],
      ),
    });
    const tokenizer = loadTokenizer(file);
    expect(tokenizer.encode('red fox').ids).toEqual([6, 7, 3]);
    expect(tokenizer.encode('red fox', 'fox')).toEqual({
      ids: [2, 6, 7, 3, 7, 3, 3],
      typeIds: [0, 0, 0, 0, 1, 1, 1],
      truncated: false,
    });
  });

  it('without special tokens', () => {
    const tokenizer = loadTokenizer(tinyTokenizer(pieces));
    expect(tokenizer.encode('red unseen fox')).toEqual({ ids: [6, 1, 7], typeIds: [0, 0, 0], truncated: false });
    expect(tokenizer.encode('red', 'fox')).toEqual({ ids: [6, 7], typeIds: [0, 0], truncated: false });
    expect(tokenizer.encode('').ids).toEqual([]);
  });

  it('that have no token for what they do not know leave it out', () => {
    const bpe = { type: 'BPE', unk_token: null, vocab: { a: 0, b: 1, c: 2 }, merges: [] };
    expect(loadTokenizer(tinyTokenizer([], { model: bpe })).encode('axxb c').ids).toEqual([0, 1, 2]);
  });

  it('that would cut and pad by themselves do not', () => {
    const own = {
      truncation: { max_length: 2, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
      padding: { strategy: { Fixed: 9 }, pad_id: 0, pad_type_id: 0, pad_token: '<pad>', direction: 'Right' },
    };
    expect(loadTokenizer(tinyTokenizer(pieces, own)).encode('red fox red fox').ids).toEqual([6, 7, 6, 7]);
  });

  it.each<[string, object | undefined, number | undefined, readonly string[], number]>([
    ['the token that tokenizer_config.json names', { pad_token: 'fox' }, undefined, pieces, 7],
    ['the same as an object', { pad_token: { content: 'fox' } }, undefined, pieces, 7],
    ['<pad>', undefined, 5, pieces, 0],
    ['[PAD]', undefined, undefined, ['<unk>', 'a', 'b', '[PAD]'], 3],
    ['what the model says', undefined, 2, ['<unk>', 'a', 'b'], 2],
    ['0, which the mask hides', undefined, -1, ['<unk>', 'a', 'b'], 0],
  ])('pad with %s', (_, config, padTokenId, vocabulary, id) => {
    const options = {
      ...(config === undefined ? {} : { config: new TextEncoder().encode(JSON.stringify(config)) }),
      ...(padTokenId === undefined ? {} : { padTokenId }),
    };
    expect(loadTokenizer(tinyTokenizer(vocabulary), options).padId).toBe(id);
  });
});
