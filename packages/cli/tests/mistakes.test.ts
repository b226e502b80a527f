import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED_MODEL } from '../src/assets.js';
import { cli, lastLine, scratchFolder, tinyTable, write, type CliResult } from './support/cli.js';

const folder = scratchFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const good = write(at('good.csv'), tinyTable());
const adapter = at('adapter');

beforeAll(async () => {
  expect(
    (
      await cli(
        'train',
        '--model',
        EMBEDDED_MODEL,
        '--train',
        good,
        '--output',
        adapter,
        '--classifier-epochs',
        1,
        '--epochs',
        1,
      )
    ).code,
  ).toBe(0);
});

/** Exit code 1, one line that starts with the code, no stack, and with --json the same for machines. */
function expectMistake({ code, stdout, stderr }: CliResult, name: string): string {
  expect(stderr).toMatch(new RegExp(`^error \\[(?:${name})\\] [^\\n]+\\n$`));
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
}

const models = {
  /** A copy of the embedded model with one file changed; undefined removes it. */
  with(name: string, change: (bytes: Buffer) => Uint8Array | string | undefined): string {
    const path = at('models', `${name.replace('/', '-')}-${Math.random().toString(36).slice(2)}`);
    cpSync(EMBEDDED_MODEL, path, { recursive: true, filter: (source) => !source.endsWith(join(EMBEDDED_MODEL, name)) });
    const changed = change(readFileSync(join(EMBEDDED_MODEL, name)));
    if (changed !== undefined) write(join(path, name), changed);
    return path;
  },
};

describe('a damaged model', () => {
  it.each([
    ['cut off', 'onnx/model.onnx', (bytes: Buffer) => bytes.subarray(0, 3_000_000), 'ONNX_TRUNCATED'],
    ['empty', 'onnx/model.onnx', () => '', 'ONNX_EMPTY'],
    ['a web page', 'onnx/model.onnx', () => '<!doctype html><title>404</title>', 'ONNX_NOT_A_MODEL'],
    [
      'a Git LFS pointer',
      'onnx/model.onnx',
      () => 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      'ONNX_\\w+',
    ],
    ['a config cut off', 'config.json', (bytes: Buffer) => bytes.subarray(0, 200), 'MODEL_CONFIG'],
    ['a config that is a list', 'config.json', () => '[]', 'MODEL_CONFIG'],
    [
      'a config with impossible sizes',
      'config.json',
      () => '{"model_type": "bert", "max_position_embeddings": -5}',
      'MODEL_CONFIG',
    ],
    ['a tokenizer cut off', 'tokenizer.json', (bytes: Buffer) => bytes.subarray(0, 30_000), 'TOKENIZER_\\w+'],
    ['a tokenizer of another kind', 'tokenizer.json', () => '{"model": {"type": "Telepathy"}}', 'TOKENIZER_\\w+'],
    ['no tokenizer', 'tokenizer.json', () => undefined, 'TOKENIZER_MISSING'],
    ['no model', 'onnx/model.onnx', () => undefined, 'MODEL_MISSING'],
    [
      'an index of a checkpoint in place of a model',
      'onnx/model.onnx',
      () => '{"metadata": {}, "weight_map": {"x": "model-00001-of-00002.safetensors"}}',
      'ONNX_NOT_A_MODEL',
    ],
  ])('%s', async (_, file, change, code) => {
    const output = at('never');
    expectMistake(await cli('train', '--model', models.with(file, change), '--train', good, '--output', output), code);
    expect(existsSync(output)).toBe(false);
  });

  it('cut off anywhere, it is refused in bounded time', async () => {
    const bytes = readFileSync(join(EMBEDDED_MODEL, 'onnx', 'model.onnx'));
    const path = at('cut.onnx');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
        writeFileSync(path, bytes.subarray(0, length));
        const result = await cli('inspect', path, '--json');
        expect(result.code).toBe(1);
        expect(lastLine<{ error: { code: string } }>(result).error.code).toMatch(/^ONNX_/);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a config of any content', () => {
  it('is read or refused by a code, never a crash', async () => {
    const path = models.with('config.json', () => '{}');
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json(),
      fc
        .record({ model_type: fc.jsonValue(), hidden_size: fc.jsonValue(), max_position_embeddings: fc.jsonValue() })
        .map((config) => JSON.stringify(config)),
    );
    await fc.assert(
      fc.asyncProperty(content, async (config) => {
        writeFileSync(join(path, 'config.json'), config);
        const result = await cli('inspect', path, '--json');
        const { error } = lastLine<{ error?: { code: string } }>(result);
        expect(error?.code ?? 'none').toMatch(/^(none|MODEL_CONFIG)$/);
        expect(result.code).toBe(error === undefined ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a damaged checkpoint', () => {
  it('is refused, and stays where it is', async () => {
    const output = at('resumed');
    for (const content of ['', 'no checkpoint', '{"format_version": 1}']) {
      for (const name of ['checkpoint.json', 'checkpoint.safetensors'])
        write(join(`${output}.checkpoint`, name), content);
      expectMistake(
        await cli('train', '--model', EMBEDDED_MODEL, '--train', good, '--output', output, '--resume'),
        'CHECKPOINT\\w*|SAFETENSORS_\\w+',
      );
      expect(existsSync(output)).toBe(false);
      expect(readdirSync(`${output}.checkpoint`)).toHaveLength(2);
    }
  });
});

describe('data that cannot be learned from', () => {
  it.each([
    ['an empty file', '', [], 'TABLE_EMPTY'],
    ['a header alone', 'text,label\n', [], 'TABLE_EMPTY'],
    ['one class', 'text,label\na,x\nb,x\n', [], 'DATA_ONE_CLASS'],
    ['a target that is no number', 'text,label\na,1\nb,two\nc,3\n', ['--regression'], 'TARGET_NOT_NUMBER'],
    ['a column that is not there', tinyTable(), ['--label-column', 'mood'], 'COLUMN_MISSING'],
    ['a label that was not announced', tinyTable(), ['--labels', 'animal,plant'], 'LABEL_UNKNOWN'],
    ['a quote that never closes', 'text,label\n"a,x\nb,y\n', [], 'TABLE_ROW'],
  ])('%s', async (_, content, flags, code) => {
    const output = at('never');
    expectMistake(
      await cli(
        'train',
        '--model',
        EMBEDDED_MODEL,
        '--train',
        write(at('bad.csv'), content),
        '--output',
        output,
        ...flags,
      ),
      code,
    );
    expect(existsSync(output)).toBe(false);
  });

  it('a label in the evaluation file that training did not have', async () => {
    const message = expectMistake(
      await cli(
        'train',
        '--model',
        EMBEDDED_MODEL,
        '--train',
        good,
        '--dev',
        write(at('dev.csv'), 'text,label\na,tool\nb,plant\n'),
        '--output',
        at('never'),
      ),
      'LABEL_UNKNOWN',
    );
    expect(message).toContain('"plant" in line 3');
  });

  it('a text of 100,000 characters is cut, and that is said', async () => {
    const long = 'the quick brown fox '.repeat(5000);
    const { code, stdout } = await cli('predict', '--model', EMBEDDED_MODEL, '--adapter', adapter, '--text', long);
    expect(code).toBe(0);
    expect(stdout).toContain('1 of 1 texts cut to 128 tokens');
    const table = write(at('long.csv'), `${tinyTable()}\n${long},tool\n`);
    const trained = await cli(
      'train',
      '--model',
      EMBEDDED_MODEL,
      '--train',
      table,
      '--dev',
      good,
      '--output',
      at('long'),
      '--classifier-epochs',
      1,
      '--epochs',
      1,
    );
    expect(trained.stdout).toContain('1 cut to the maximum length');
  });

  it('a blank text', async () => {
    expectMistake(await cli('predict', '--model', EMBEDDED_MODEL, '--adapter', adapter, '--text', ' '), 'TEXT_EMPTY');
  });
});

describe('an adapter that does not fit', () => {
  const CONFIG = 'adapter_config.json';
  const TENSORS = 'adapter_model.safetensors';
  const edit = (change: Record<string, unknown>) => (bytes: Buffer) =>
    JSON.stringify({ ...(JSON.parse(bytes.toString()) as object), ...change });

  it.each([
    ['tensors cut off', TENSORS, (bytes: Buffer) => bytes.subarray(0, 500), 'SAFETENSORS_\\w+'],
    [
      'a header larger than memory',
      TENSORS,
      () => Buffer.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125]),
      'SAFETENSORS_HEADER',
    ],
    ['a config cut off', CONFIG, (bytes: Buffer) => bytes.subarray(0, 100), 'ADAPTER_CONFIG'],
    ['another PEFT method', CONFIG, edit({ peft_type: 'LORA' }), 'ADAPTER_TYPE'],
    ['another base', CONFIG, edit({ base_weights_sha256: '0'.repeat(64) }), 'ADAPTER_BASE_MISMATCH'],
    ['another site', CONFIG, edit({ site: 'output' }), 'ADAPTER_SITE_MISMATCH'],
    ['another width', CONFIG, edit({ hidden_size: 128 }), 'ADAPTER_SHAPE_MISMATCH'],
    ['another norm', CONFIG, edit({ norm: 'both' }), 'ADAPTER_TENSOR_MISSING'],
    [
      'another number of labels',
      CONFIG,
      edit({ num_labels: 3, id2label: { 0: 'a', 1: 'b', 2: 'c' } }),
      'ADAPTER_SHAPE_MISMATCH',
    ],
  ])('%s', async (name, file, change, code) => {
    const path = at('adapters', name);
    cpSync(adapter, path, { recursive: true });
    write(join(path, file), change(readFileSync(join(adapter, file))));
    for (const command of [
      ['predict', '--text', 'a cat'],
      ['merge', '--output', at('never')],
      ['evaluate', '--dev', good],
    ]) {
      expectMistake(
        await cli(command[0] as string, '--model', EMBEDDED_MODEL, '--adapter', path, ...command.slice(1)),
        code,
      );
    }
    expect(existsSync(at('never'))).toBe(false);
  });

  it('any damage to the tensors gives one of our errors or other numbers, never a crash', async () => {
    const path = at('damaged');
    cpSync(adapter, path, { recursive: true });
    const bytes = readFileSync(join(adapter, TENSORS));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (damage) => {
          const damaged = Buffer.from(bytes);
          for (const [i, value] of damage) damaged[i] = value;
          writeFileSync(join(path, TENSORS), damaged);
          const result = await cli(
            'predict',
            '--model',
            EMBEDDED_MODEL,
            '--adapter',
            path,
            '--text',
            'a cat',
            '--json',
          );
          const line = lastLine<{ error?: { code: string }; predictions?: unknown[] }>(result);
          expect(line.error?.code ?? line.predictions?.length).toEqual(
            line.error === undefined ? 1 : expect.stringMatching(/^(SAFETENSORS|ADAPTER)_/),
          );
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('what else can be typed wrong', () => {
  const train = ['train', '--model', EMBEDDED_MODEL] as const;

  it.each([
    ['no such model', ['train', '--model', 'nowhere', '--train', good], 'MODEL_MISSING'],
    ['no such table', [...train, '--train', 'nowhere.csv'], 'FILE_MISSING'],
    ['a folder for a table', [...train, '--train', folder], 'FILE_KIND'],
    ['nothing to train on', train, 'DATA_FLAGS'],
    ['no such task', [...train, '--task', 'sst3', '--data', folder], 'TASK_UNKNOWN'],
    ['a task without its files', [...train, '--task', 'sst2', '--data', folder], 'TASK_FILES'],
    ['nothing to inspect', ['inspect'], 'INSPECT_WHAT'],
    [
      'a model and a config',
      ['inspect', EMBEDDED_MODEL, '--config', join(EMBEDDED_MODEL, 'config.json')],
      'INSPECT_WHAT',
    ],
    [
      'a config of a family that is not known',
      ['inspect', '--config', write(at('gpt2.json'), '{"model_type": "gpt2"}')],
      'MODEL_TYPE',
    ],
    ['a classifier that the model does not have', [...train, '--train', good, '--head', 'model'], 'MODEL_HEAD'],
    ['a layer that the model does not have', [...train, '--train', good, '--layers', '9'], 'ADAPTER_LAYERS'],
    ['a device that does not exist', [...train, '--train', good, '--device', 'abacus'], 'DEVICE_UNKNOWN'],
    [
      'a place where nothing can be written',
      [...train, '--train', good, '--output', '/dev/null/adapter'],
      'OUTPUT_UNWRITABLE',
    ],
    ['an output folder with other files in it', [...train, '--train', good, '--output', folder], 'OUTPUT_OCCUPIED'],
    [
      'a checkpoint that is not there',
      [...train, '--train', good, '--output', at('never'), '--resume'],
      'FOLDER_MISSING|CHECKPOINT_\\w+',
    ],
  ])('%s', async (_, argv, code) => {
    const before = readdirSync(folder).toSorted();
    expectMistake(await cli(...argv), `(?:${code})`);
    expect(readdirSync(folder).toSorted()).toEqual(before);
  });

  it.each([
    ['an unknown command', ['frobnicate']],
    ['an unknown flag', [...train, '--colour', 'red']],
    ['a required flag left out', ['train']],
    ['a choice that does not exist', [...train, '--site', 'nowhere']],
    ['a number that is none', [...train, '--lr', 'fast']],
    ['a number out of range', [...train, '--max-length', '2']],
  ])('%s is a mistake of usage: exit code 2', async (_, argv) => {
    const { code, stderr, stdout } = await cli(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .+/);
  });

  it.each(['train', 'evaluate', 'predict', 'inspect', 'merge', 'unmerge', 'verify', 'demo'])(
    '%s --help explains itself',
    async (command) => {
      const { code, stdout } = await cli(command, '--help');
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Usage: hadamard ${command} .*\\n`));
      expect(stdout).toContain('--json');
    },
  );
});
