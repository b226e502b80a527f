import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, longestFirst, type TokenizerOptions } from '../src/index.js';
import { loadMiniBert, miniBert, tinyTokenizer } from './support/tokenizers.js';

const [CLS, SEP] = [2, 3];
const words = (count: number, word = 'the'): string => Array.from({ length: count }, () => word).join(' ');

describe('a text that is too long', () => {
  const tokenizer = loadMiniBert({ maxLength: 8 });
  const the = tokenizer.encode('the').ids[1] as number;
  const tool = tokenizer.encode('tool').ids[1] as number;

  it('loses its end, never the special tokens', () => {
    expect(tokenizer.encode(words(6))).toEqual({
      ids: [CLS, ...Array.from({ length: 6 }, () => the), SEP],
      typeIds: Array.from({ length: 8 }, () => 0),
      truncated: false,
    });
    expect(tokenizer.encode(`${words(6)} tool`)).toEqual({ ...tokenizer.encode(words(6)), truncated: true });
  });

  it('as one of a pair leaves the short one whole', () => {
    expect(tokenizer.encode(words(40), 'tool')).toEqual({
      ids: [CLS, the, the, the, the, SEP, tool, SEP],
      typeIds: [0, 0, 0, 0, 0, 0, 1, 1],
      truncated: true,
    });
    expect(tokenizer.encode('tool', words(40))).toEqual({
      ids: [CLS, tool, SEP, the, the, the, the, SEP],
      typeIds: [0, 0, 0, 1, 1, 1, 1, 1],
      truncated: true,
    });
  });

  it('and its equally long pair both stay', () => {
    expect(tokenizer.encode(words(40), words(40, 'tool'))).toEqual({
      ids: [CLS, the, the, SEP, tool, tool, tool, SEP],
      typeIds: [0, 0, 0, 0, 1, 1, 1, 1],
      truncated: true,
    });
  });
});

describe('taking from the longer text first', () => {
  // Worked out with the rule of the reference implementation: the shorter keeps half of the room, rounded down, if it
  // has that much.
  it.each([
    [2, 4, 7, 2, 4],
    [2, 8, 7, 2, 5],
    [8, 2, 7, 5, 2],
    [4, 8, 7, 3, 4],
    [8, 4, 7, 4, 3],
    [4, 4, 7, 3, 4],
    [8, 8, 8, 4, 4],
    [0, 8, 7, 0, 7],
    [5, 5, 1, 0, 1],
    [5, 3, 0, 0, 0],
  ])('%d and %d tokens into %d leave %d and %d', (first, second, room, ...kept) => {
    expect(longestFirst(first, second, room)).toEqual(kept);
  });

  it('fills the room, adds nothing, and never leaves the longer one shorter by more than the odd token', () => {
    fc.assert(
      fc.property(fc.nat(600), fc.nat(600), fc.nat(600), (first, second, room) => {
        const [left, right] = longestFirst(first, second, room);
        expect(left + right).toBe(Math.min(first + second, room));
        expect([left <= first, right <= second]).toEqual([true, true]);
        const [shorter, shortKept] = first <= second ? [first, left] : [second, right];
        expect(shortKept).toBe(Math.min(shorter, Math.max(Math.floor(room / 2), room - Math.max(first, second))));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the maximum length', () => {
  const maximum = (model?: TokenizerOptions, settings?: object, maxLength?: number): number =>
    loadTokenizer(miniBert.tokenizer, {
      ...model,
      ...(settings === undefined ? {} : { config: new TextEncoder().encode(JSON.stringify(settings)) }),
      ...(maxLength === undefined ? {} : { maxLength }),
    }).maxLength;

  it('is the smallest of what tokenizer, model and person allow', () => {
    expect(maximum()).toBe(512);
    expect(maximum(undefined, { model_max_length: 128 })).toBe(128);
    expect(maximum({ longestInput: 64 }, { model_max_length: 128 })).toBe(64);
    expect(maximum({ longestInput: 640 })).toBe(640);
    expect(maximum({ longestInput: 64 }, undefined, 32)).toBe(32);
    expect(maximum({ longestInput: 64 }, undefined, 1000)).toBe(64);
  });

  it('leaves out the positions that no token ever has, as the first two of RoBERTa', () => {
    expect(maximum({ longestInput: 514, positionOffset: 2 })).toBe(512);
    expect(maximum({ longestInput: 514, positionOffset: 0 })).toBe(514);
  });

  it.each([1e30, 0, -5, 2, 12.5, '128', null, Number.NaN])('does not believe %s', (value) => {
    expect(maximum(typeof value === 'number' ? { longestInput: value } : {}, { model_max_length: value })).toBe(512);
  });

  // Less would leave no room for [CLS] and both [SEP]; a model cannot do without them.
  it.each([-7, 0, 1, 2, 3])('is 3 when %d is asked for', (asked) => {
    const tokenizer = loadMiniBert({ maxLength: asked });
    expect(tokenizer.maxLength).toBe(3);
    expect(tokenizer.encode('the tool', 'stores')).toEqual({
      ids: [CLS, SEP, SEP],
      typeIds: [0, 0, 1],
      truncated: true,
    });
    expect(tokenizer.encode('the tool').ids).toHaveLength(3);
  });

  it('gives way to the special tokens where there are more of them', () => {
    const roberta = tinyTokenizer(['<pad>', '<unk>', '<s>', '</s>', 'a', 'b'], {
      post_processor: {
        type: 'RobertaProcessing',
        sep: ['</s>', 3],
        cls: ['<s>', 2],
        trim_offsets: true,
        add_prefix_space: false,
      },
    });
    expect(loadTokenizer(roberta, { maxLength: 3 }).encode('a', 'b')).toEqual({
      ids: [2, 3, 3, 3],
      typeIds: [0, 0, 0, 0],
      truncated: true,
    });
  });

  it('holds for any text and pair', () => {
    const text = fc
      .array(fc.constantFrom('the', 'tool', 'unheardofword', '漢', '!', 'é'), { maxLength: 60 })
      .map((parts) => parts.join(' '));
    fc.assert(
      fc.property(
        text,
        fc.option(text, { nil: undefined }),
        fc.constantFrom(3, 4, 7, 16, 33),
        (first, second, maxLength) => {
          const { ids, typeIds, truncated } = small[maxLength].encode(first, second);
          const whole = large.encode(first, second);
          expect(ids.length).toBe(Math.min(maxLength, whole.ids.length));
          expect(typeIds.length).toBe(ids.length);
          expect(truncated).toBe(whole.ids.length > maxLength);
          expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP]);
        },
      ),
    );
  });
  const large = loadTokenizer(miniBert.tokenizer, { longestInput: 100_000 });
  const small = {
    3: loadMiniBert({ maxLength: 3 }),
    4: loadMiniBert({ maxLength: 4 }),
    7: loadMiniBert({ maxLength: 7 }),
    16: loadMiniBert({ maxLength: 16 }),
    33: loadMiniBert({ maxLength: 33 }),
  } as const;
});

describe('a text of 100,000 characters', () => {
  const tokenizer = loadMiniBert();
  const size = 100_000;

  it.each<[string, string]>([
    ['words', words(size / 4)],
    ['one word', 'x'.repeat(size)],
    ['no spaces', '漢'.repeat(size)],
    ['punctuation', '!?'.repeat(size / 2)],
    ['characters of two units', '🙂'.repeat(size / 2)],
    ['combining accents', `e${'\u0301'.repeat(size)}`],
    ['spaces', `a${' '.repeat(size)}b`],
    ['words in brackets', '[CLS '.repeat(size / 5)],
  ])('of %s takes no longer than its beginning', (_, text) => {
    const start = performance.now();
    const [single, double] = [tokenizer.encode(text), tokenizer.encode(text, text)];
    expect(performance.now() - start).toBeLessThan(1000);
    for (const { ids, typeIds, truncated } of [single, double]) {
      expect(ids.length).toBeLessThanOrEqual(tokenizer.maxLength);
      expect(typeIds).toHaveLength(ids.length);
      expect(truncated).toBe(true);
    }
  });

  it('of words gives the same as its first words', () => {
    expect(tokenizer.encode(words(size / 4)).ids).toEqual(tokenizer.encode(words(500)).ids);
  });

  it('is not cut off when only white space is left out', () => {
    expect(tokenizer.encode(`the tool${' \n'.repeat(size / 2)}`)).toEqual(tokenizer.encode('the tool'));
  });
});
