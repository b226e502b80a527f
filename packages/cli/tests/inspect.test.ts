import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@hadamard-adapter/core';
import {
  concatChunks,
  float32Tensor,
  int,
  readModel,
  scalarTensor,
  writeModel,
  type Graph,
} from '@hadamard-adapter/graph/internal';
import { beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED_MODEL } from '../src/assets.js';
import { cli, lastLine, scratchFolder, tinyTable, write } from './support/cli.js';

const fixtures = join(import.meta.dirname, '..', '..', 'conformance-fixtures', 'fixtures');
const configs = join(import.meta.dirname, '..', 'assets', 'configs');
const folder = scratchFolder();
const at = (...parts: string[]): string => join(folder, ...parts);

interface Line {
  readonly total: number;
  readonly trainable: number;
  readonly layers: number;
  readonly share: number;
  readonly precision?: string;
  readonly cut?: readonly string[];
  readonly sites?: readonly { readonly key: string }[];
}

describe('inspect --config', () => {
  /**
   * Totals are those of the Hugging Face classes (AutoModel) for the same configs, counted by PyTorch; what is trained
   * is four vectors a layer.
   */
  it.each([
    ['bert-base', 109_482_240, 12, 768],
    ['bert-large', 335_141_888, 24, 1024],
    ['roberta-base', 124_645_632, 12, 768],
    ['roberta-large', 355_359_744, 24, 1024],
    ['bart-base', 139_420_416, 12, 768],
    ['bart-large', 406_291_456, 24, 1024],
    ['deberta-base', 138_601_728, 12, 768],
    ['deberta-large', 405_163_008, 24, 1024],
    ['electra-base', 108_891_648, 12, 768],
    ['electra-large', 334_092_288, 24, 1024],
  ])('%s', async (name, total, layers, hiddenSize) => {
    const line = lastLine<Line>(await cli('inspect', '--config', join(configs, `${name}.json`), '--json'));
    expect(line).toEqual({
      model: name,
      family: name.split('-')[0],
      layers,
      hiddenSize,
      total,
      trainable: 4 * layers * hiddenSize,
      share: (4 * layers * hiddenSize) / total,
    });
  });

  it('BERT-base with the adapters of eight layers: 24,576 numbers', async () => {
    expect(
      lastLine<Line>(await cli('inspect', '--config', join(configs, 'bert-base.json'), '--layers', '4-11', '--json'))
        .trainable,
    ).toBe(24_576);
  });

  it('BART with adapters on its cross-attention too', async () => {
    expect(
      lastLine<Line>(await cli('inspect', '--config', join(configs, 'bart-base.json'), '--cross-attention', '--json'))
        .trainable,
    ).toBe((12 + 6) * 4 * 768);
  });

  it('prints one table for several', async () => {
    const { code, stdout } = await cli(
      'inspect',
      '--config',
      ...['bert-base', 'electra-large'].map((name) => join(configs, `${name}.json`)),
    );
    expect(code).toBe(0);
    for (const part of ['0.0337 %', '109,482,240', '36,864', '98,304', 'electra-large']) expect(stdout).toContain(part);
  });
});

describe.each(
  readdirSync(fixtures, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])),
)('inspect %s', (family) => {
  it('counts alike from the config, the checkpoint and every export', async () => {
    const files = readdirSync(join(fixtures, family)).filter(
      (name) => /\.(onnx|safetensors)$/.test(name) && !name.startsWith('golden'),
    );
    const seen = new Map([
      [
        'config.json',
        lastLine<Line>(await cli('inspect', '--config', join(fixtures, family, 'config.json'), '--json')),
      ],
    ]);
    for (const file of files)
      seen.set(file, lastLine<Line>(await cli('inspect', join(fixtures, family, file), '--json')));
    const { total, trainable, layers } = seen.get('config.json') as Line;
    for (const [file, line] of seen) {
      // ONNX exports leave out the pooler, which nothing in them reads.
      const withoutPooler = ['bert', 'roberta', 'albert'].includes(family) && file.endsWith('.onnx') ? 32 * 32 + 32 : 0;
      // The optimizer stores the three projections of ALBERT's shared layer again, packed, for the applications that it
      // fuses.
      const packedAgain = family === 'albert' && file === 'model.optimized.onnx' ? 3 * (32 * 32 + 32) : 0;
      expect([file, line.total, line.trainable, line.layers]).toEqual([
        file,
        total - withoutPooler + packedAgain,
        trainable,
        layers,
      ]);
    }
  });
});

describe('inspect says', () => {
  it.each([
    [
      'bert/model.int8.onnx',
      'int8',
      /inference stays in int8, training sends gradients through the dequantized weights/,
    ],
    ['bert/model.fp16.onnx', 'float16', /inference stays in float16, training computes in float32/],
  ])('how %s is run and trained', async (file, precision, text) => {
    expect(lastLine<Line>(await cli('inspect', join(fixtures, file), '--json')).precision).toBe(precision);
    expect((await cli('inspect', join(fixtures, file))).stdout).toMatch(text);
  });

  it('the node and the tensor of every site, and the norm that belongs to it', async () => {
    const { stdout } = await cli('inspect', join(fixtures, 'bart', 'model.onnx'), '--cross-attention');
    for (const part of [
      'encoder.layer.0.self',
      'decoder.layer.1.cross',
      '/decoder/layers.1/encoder_attn/',
      'decoder.layers.1.encoder_attn_layer_norm.weight',
    ])
      expect(stdout).toContain(part);
  });
});

/** BERT with a classifier of two labels behind it, whose names are in the config. */
function withClassifier(): string {
  const path = at('classifier');
  const source = readModel(new Uint8Array(readFileSync(join(EMBEDDED_MODEL, 'onnx', 'model.onnx'))));
  const graph: Graph = {
    ...source,
    nodes: [
      ...source.nodes,
      {
        op: 'Gather',
        domain: '',
        name: 'first',
        inputs: ['last_hidden_state', 'zero'],
        outputs: ['cls'],
        attributes: { axis: int(1) },
      },
      {
        op: 'Gemm',
        domain: '',
        name: 'classifier',
        inputs: ['cls', 'classifier.weight', 'classifier.bias'],
        outputs: ['logits'],
        attributes: { transB: int(1) },
      },
    ],
    tensors: new Map([
      ...source.tensors,
      ['zero', scalarTensor('int64', 0)],
      ['classifier.weight', float32Tensor(new Float32Array(512).fill(0.01), [2, 256])],
      ['classifier.bias', float32Tensor([0, 0])],
    ]),
    outputs: [{ name: 'logits', dtype: 'float32', dims: ['batch', 2] }],
  };
  cpSync(EMBEDDED_MODEL, path, { recursive: true });
  write(join(path, 'onnx', 'model.onnx'), concatChunks(writeModel(graph)));
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as object;
  write(join(path, 'config.json'), JSON.stringify({ ...config, id2label: { 0: 'tool', 1: 'animal' } }));
  return path;
}

describe('a model with a classifier of its own', () => {
  let model = '';
  const table = write(at('table.csv'), tinyTable());
  beforeAll(() => {
    model = withClassifier();
  });

  it('is cut back to its encoder, and inspect says so', async () => {
    expect(lastLine<Line>(await cli('inspect', model, '--json')).cut).toEqual(['logits [batch, 2]']);
    expect((await cli('inspect', model)).stdout).toContain(
      'not used: logits [batch, 2] (train --head model keeps the classifier)',
    );
  });

  it('keeps it on request, with its labels in their order', async () => {
    const output = at('kept');
    const result = await cli(
      'train',
      '--model',
      model,
      '--train',
      table,
      '--head',
      'model',
      '--output',
      output,
      '--classifier-epochs',
      1,
      '--epochs',
      1,
      '--json',
    );
    expect(result.code, result.stderr).toBe(0);
    const config = JSON.parse(readFileSync(join(output, 'adapter_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({
      head: 'model',
      id2label: { 0: 'tool', 1: 'animal' },
      modules_to_save: ['classifier'],
    });
    const used = await cli('predict', '--model', model, '--adapter', output, '--text', 'an old hammer', '--json');
    expect(lastLine<{ predictions: { probabilities: object }[] }>(used).predictions[0]?.probabilities).toHaveProperty(
      'tool',
    );
  });
});

describe('a checkpoint without an ONNX export', () => {
  /**
   * A folder as `save_pretrained` leaves it, in one file or in several: a BERT of the tokenizer's vocabulary, its words
   * from the fixture over and over.
   */
  function checkpoint(name: string, parts: number): string {
    const path = at(name);
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      cpSync(join(EMBEDDED_MODEL, file), join(path, file));
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(fixtures, 'bert', 'model.safetensors'))));
    const words = tensors.get('embeddings.word_embeddings.weight')?.bytes as Uint8Array;
    const table = Uint8Array.from({ length: 8192 * 32 * 4 }, (_, i) => words[i % words.length] as number);
    tensors.set('embeddings.word_embeddings.weight', { dtype: 'F32', shape: [8192, 32], bytes: table });
    const config = JSON.parse(readFileSync(join(fixtures, 'bert', 'config.json'), 'utf8')) as object;
    write(join(path, 'config.json'), JSON.stringify({ ...config, vocab_size: 8192 }));
    const file = (part: number): string =>
      parts === 1 ? 'model.safetensors' : `model-0000${part + 1}-of-0000${parts}.safetensors`;
    const entries = [...tensors];
    for (let part = 0; part < parts; part++)
      write(join(path, file(part)), writeSafetensors(entries.filter((_, i) => i % parts === part)));
    if (parts > 1)
      write(
        join(path, 'model.safetensors.index.json'),
        JSON.stringify({
          metadata: {},
          weight_map: Object.fromEntries(entries.map(([tensor], i) => [tensor, file(i % parts)])),
        }),
      );
    return path;
  }

  it('trains, predicts and merges as one', async () => {
    const model = checkpoint('whole', 1);
    const [adapter, merged] = [at('checkpoint-adapter'), at('merged')];
    const trained = await cli(
      'train',
      '--model',
      model,
      '--train',
      write(at('table.csv'), tinyTable()),
      '--output',
      adapter,
      '--classifier-epochs',
      1,
      '--epochs',
      1,
      '--json',
    );
    expect(trained.code, trained.stderr).toBe(0);
    const use = ['--model', model, '--adapter', adapter];
    const scores = async (...argv: string[]): Promise<unknown> =>
      lastLine<{ predictions: unknown }>(await cli('predict', ...argv, '--text', 'a small dog', '--json')).predictions;
    const expected = await scores(...use);
    // The same weights in two files: the same model to the adapter.
    expect(await scores('--model', checkpoint('parts', 2), '--adapter', adapter)).toEqual(expected);
    expect((await cli('merge', ...use, '--output', merged)).code).toBe(0);
    expect(
      readModel(new Uint8Array(readFileSync(join(merged, 'onnx', 'model.onnx')))).outputs.map(({ name }) => name),
    ).toEqual(['logits', 'last_hidden_state']);
  });

  it('of which a file is missing is refused by its name', async () => {
    const model = checkpoint('incomplete', 2);
    const index = join(model, 'model.safetensors.index.json');
    write(index, readFileSync(index, 'utf8').replaceAll('00002-of', '00003-of'));
    expect((await cli('inspect', model)).stderr).toMatch(
      /^error \[FILE_MISSING\] The file model-00003-of-00002\.safetensors of the checkpoint does not exist/,
    );
  });

  it('whose index is damaged, or points out of its folder, is refused', async () => {
    const model = checkpoint('index', 2);
    for (const content of [
      '{',
      '[]',
      '{"weight_map": {}}',
      '{"weight_map": {"x": "../secret.safetensors"}}',
      '{"weight_map": {"x": 3}}',
    ]) {
      write(join(model, 'model.safetensors.index.json'), content);
      expect((await cli('inspect', model)).stderr, content).toMatch(/^error \[MODEL_INDEX\]/);
    }
  });

  it('without its config is refused', async () => {
    const path = at('bare.safetensors');
    cpSync(join(fixtures, 'bert', 'model.safetensors'), path);
    expect((await cli('inspect', path)).stderr).toMatch(/^error \[MODEL_TYPE\] .*no model_type in config\.json/);
  });
});

describe('a quantized file beside the others of a model', () => {
  it('is opened with the config of the folder above, and said to be int8', async () => {
    const path = at('family');
    cpSync(EMBEDDED_MODEL, path, { recursive: true });
    const fixture = join(fixtures, 'bert', 'model.int8.onnx');
    cpSync(fixture, join(path, 'onnx', 'model_quantized.onnx'));
    const line = lastLine<{ family: string; precision: string }>(
      await cli('inspect', join(path, 'onnx', 'model_quantized.onnx'), '--json'),
    );
    expect(line).toMatchObject({ family: 'bert', precision: 'int8' });
  });
});

describe('weights beside a model', () => {
  it('are found under any name, and missed by name', async () => {
    const path = at('external');
    cpSync(EMBEDDED_MODEL, path, { recursive: true });
    const source = readModel(new Uint8Array(readFileSync(join(EMBEDDED_MODEL, 'onnx', 'model.onnx'))));
    const { writeModelWithExternalData } = await import('@hadamard-adapter/graph');
    const [name, largest] = [...source.tensors].toSorted(([, a], [, b]) => b.bytes.length - a.bytes.length)[0] as [
      string,
      { bytes: Uint8Array },
    ];
    const model = writeModelWithExternalData(source, (tensor) =>
      tensor === name ? { location: 'my weights.bin', offset: 0, length: largest.bytes.length } : undefined,
    );
    write(join(path, 'onnx', 'model.onnx'), model);
    expect((await cli('inspect', path)).stderr).toMatch(/^error \[ONNX_EXTERNAL_MISSING\] .*my weights\.bin/);
    write(join(path, 'onnx', 'my weights.bin'), largest.bytes);
    expect(lastLine<Line>(await cli('inspect', path, '--json')).total).toBe(5_289_984);
  });
});
