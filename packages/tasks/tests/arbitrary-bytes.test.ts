import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  GLUE,
  glueTask,
  labelNames,
  loadTokenizer,
  readGlue,
  readTable,
  toExamples,
  type GlueId,
  type TableFormat,
} from '../src/index.js';
import { survives } from './support/failure.js';
import { FILES } from './support/glue.js';
import { parquetFile } from './support/parquet.js';
import { separated, utf8 } from './support/tables.js';
import { miniBert, tinyTokenizer } from './support/tokenizers.js';

const bytes = fc.uint8Array({ maxLength: 300 });
/** Text of what parsers look for: it gets further in than arbitrary bytes do. */
const markup = fc
  .array(
    fc.constantFrom(
      '"',
      ',',
      '\t',
      '\n',
      '\r\n',
      '\r',
      '{',
      '}',
      '[',
      ']',
      ':',
      'text',
      'label',
      'sentence',
      '0',
      '1',
      '-',
      'null',
      '"text"',
      '\uFEFF',
      '\\',
      'PAR1',
    ),
    { maxLength: 60 },
  )
  .map((parts) => utf8(parts.join('')));
/** A good file with a few bytes changed, or its end missing. */
const damaged = (file: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 3 }),
      fc.oneof(fc.constant(file.length), fc.nat(file.length)),
    )
    .map(([changes, length]) => {
      const copy = file.slice();
      for (const [at, value] of changes) copy[at] = value;
      return copy.subarray(0, length);
    });

/** Runs a reader; whatever it thinks of its input, it must say so soon. */
async function soon(run: () => unknown): Promise<string> {
  const start = performance.now();
  const result = await survives(run);
  expect(performance.now() - start).toBeLessThan(5000);
  return result === 'read' ? result : result.code;
}

describe.each<[TableFormat, Uint8Array, readonly string[]]>([
  [
    'csv',
    utf8(
      separated(
        [
          ['text', 'label'],
          ['a "b"', '1'],
          ['c,\nd', '0'],
        ],
        ',',
      ),
    ),
    ['TABLE_ROW', 'TABLE_COLUMNS', 'TABLE_EMPTY', 'TEXT_ENCODING'],
  ],
  [
    'tsv',
    utf8(
      separated(
        [
          ['text', 'label'],
          ['a "b"', '1'],
          ['c\t\nd', '0'],
        ],
        '\t',
      ),
    ),
    ['TABLE_ROW', 'TABLE_COLUMNS', 'TABLE_EMPTY', 'TEXT_ENCODING'],
  ],
  ['jsonl', utf8('{"text":"a","label":1}\n{"text":"b","label":0}\n'), ['JSONL_ROW', 'TABLE_EMPTY', 'TEXT_ENCODING']],
  ['parquet', parquetFile({ text: ['a', null, 'c'], label: [1n, 0n, 1n] }), ['PARQUET', 'TABLE_EMPTY']],
])('any bytes as %s', (format, good, codes) => {
  it.each([
    ['arbitrary', bytes],
    ['markup', markup],
    ['a damaged file', damaged(good)],
  ])('%s', async (_, input) => {
    await fc.assert(
      fc.asyncProperty(input, async (file) => {
        expect(['read', ...codes]).toContain(await soon(() => readTable(file, `x.${format}`)));
      }),
      { numRuns: 500 },
    );
  });

  it('makes examples, or says why not', async () => {
    const later = ['COLUMN_MISSING', 'LABEL_MISSING', 'TARGET_NOT_NUMBER'];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(markup, damaged(good)),
        fc.constantFrom('classification', 'regression'),
        async (file, kind) => {
          expect(['read', ...codes, ...later]).toContain(
            await soon(async () => toExamples(await readTable(file, `x.${format}`), { kind })),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe.each(Object.keys(GLUE) as GlueId[])('any bytes as a file of %s', (id) => {
  const good = utf8(Object.values(FILES[id])[0] as string);

  it.each([
    ['arbitrary', bytes],
    ['markup', markup],
    ['a damaged file', damaged(good)],
  ])('%s', async (_, input) => {
    await fc.assert(
      fc.asyncProperty(input, async (file) => {
        expect(['read', 'TASK_COLUMNS', 'TASK_ROWS', 'TEXT_ENCODING']).toContain(
          await soon(() => readGlue(GLUE[id], async () => file)),
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe('any bytes as a tokenizer', () => {
  const codes = ['read', 'TOKENIZER_FILE', 'TOKENIZER_KIND'];
  const tiny = tinyTokenizer(['<unk>', '[CLS]', '[SEP]', 'a', 'b', '##c'], {
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', 1], sep: ['[SEP]', 2] },
    normalizer: { type: 'BertNormalizer', lowercase: true },
  });
  const use = (file: Uint8Array, config?: Uint8Array): void => {
    const { encode } = loadTokenizer(file, config === undefined ? {} : { config });
    for (const { ids, typeIds } of [encode('a bc\n🙂'), encode('abc', ''), encode('', 'x y z')]) {
      expect(ids.every((each) => typeof each === 'number')).toBe(true);
      expect(typeIds.length).toBe(ids.length);
    }
  };

  it.each([
    ['arbitrary', bytes],
    ['markup', markup],
    ['a damaged file', damaged(tiny)],
  ])('%s', async (_, input) => {
    await fc.assert(
      fc.asyncProperty(input, async (file) => {
        expect(codes).toContain(await soon(() => use(file)));
        expect(codes).toContain(await soon(() => use(tiny, file)));
      }),
      { numRuns: 500 },
    );
  });

  it('a real one cut off anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(miniBert.tokenizer.length - 1), async (length) => {
        expect(await soon(() => use(miniBert.tokenizer.subarray(0, length)))).toBe('TOKENIZER_FILE');
      }),
      { numRuns: 50 },
    );
  });

  it('JSON of the right form with any values in it', async () => {
    const part = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.record({
        type: fc.constantFrom(
          'WordPiece',
          'BPE',
          'Unigram',
          'WordLevel',
          'Sequence',
          'BertProcessing',
          'RobertaProcessing',
          'TemplateProcessing',
          'ByteLevel',
          'Lowercase',
          'Replace',
          'Split',
          'Metaspace',
        ),
      }),
    );
    const model = fc.record({
      type: fc.constantFrom('WordPiece', 'BPE', 'Unigram', 'WordLevel'),
      vocab: fc.oneof(
        fc.dictionary(
          fc.constantFrom('a', 'b', '<unk>', 'ab', '▁a'),
          fc.oneof(fc.integer({ max: 1000 }), fc.jsonValue({ maxDepth: 1 })),
        ),
        fc.array(fc.tuple(fc.constantFrom('a', 'b', '<unk>'), fc.double())),
        fc.jsonValue({ maxDepth: 2 }),
      ),
      merges: fc.oneof(fc.constant([]), fc.constant(['a b']), fc.jsonValue({ maxDepth: 2 })),
      unk_token: fc.constantFrom('<unk>', null, 'b'),
      unk_id: fc.constantFrom(0, 1, null, 99),
    });
    const description = fc.record({
      model: fc.oneof(model, part),
      decoder: part,
      normalizer: fc.option(part),
      pre_tokenizer: fc.option(part),
      post_processor: fc.option(part),
      added_tokens: fc.oneof(fc.constant([]), part),
    });
    // The library warns of patterns that it does not know.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    await fc.assert(
      fc.asyncProperty(description, async (value) => {
        expect(codes).toContain(await soon(() => use(utf8(JSON.stringify(value)))));
      }),
      { numRuns: 2000 },
    );
    warn.mockRestore();
  });
});

describe('any text', () => {
  it('is a task or TASK_UNKNOWN', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (name) => {
        expect(['read', 'TASK_UNKNOWN']).toContain(await soon(() => glueTask(name)));
      }),
    );
  });

  it('is a label: all are there once, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('__proto__', '1', '10', '9'))), (labels) => {
        const names = labelNames(labels);
        expect(new Set(names)).toEqual(new Set(labels));
        expect(names).toHaveLength(new Set(labels).size);
      }),
    );
  });
});
