import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeAdapter } from '@hadamard-adapter/core/folder';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { inputLimits } from '@hadamard-adapter/compiler';
import { loadTokenizer } from '@hadamard-adapter/tasks';
import { EMBEDDED_MODEL } from '../src/assets.js';
import { cli, lastLine, scratchFolder, tinyTable, tinyTestTable, write, type CliResult } from './support/cli.js';

const folder = scratchFolder();
const [trainFile, devFile] = [join(folder, 'train.csv'), join(folder, 'dev.csv')];
const adapter = join(folder, 'adapter');
const data = ['--train', trainFile, '--dev', devFile] as const;
let trained: CliResult;

interface TrainLine {
  readonly task: string;
  readonly metric: string;
  readonly stages: readonly { readonly name: string; readonly score: number }[];
  readonly trainable: number;
  readonly total: number;
  readonly share: number;
  readonly seconds: number;
  readonly adapter: string;
}

interface PredictLine {
  readonly predictions: readonly {
    readonly text: string;
    readonly label: string;
    readonly score: number;
    readonly probabilities: Record<string, number>;
  }[];
}

beforeAll(async () => {
  write(trainFile, tinyTable());
  write(devFile, tinyTestTable());
  trained = await cli(
    'train',
    '--model',
    EMBEDDED_MODEL,
    ...data,
    '--output',
    adapter,
    '--classifier-epochs',
    8,
    '--epochs',
    8,
    '--lr',
    0.01,
    '--batch-size',
    8,
    '--json',
  );
}, 120_000);

describe('hadamard train', () => {
  it('ends with one JSON line of the documented fields', () => {
    expect(trained.code, trained.stderr).toBe(0);
    expect(trained.stdout.trim().split('\n')).toHaveLength(1);
    const line = lastLine<TrainLine>(trained);
    expect(line).toMatchObject({
      task: 'train',
      metric: 'accuracy',
      trainable: 4096,
      total: 5_289_984,
      adapter,
      majority: 0.5,
    });
    expect(line.stages.map(({ name }) => name)).toEqual(['classifier', 'adapter']);
    expect(line.share).toBe(4096 / 5_289_984);
    expect(line.seconds).toBeGreaterThan(0);
  });

  it('learns something that holds for words it was not trained on', () => {
    const [first, second] = lastLine<TrainLine>(trained).stages;
    expect(first?.score).toBeGreaterThan(0.6);
    expect(second?.score).toBeGreaterThanOrEqual(first?.score as number);
  });

  it('writes an adapter folder and leaves nothing beside it', () => {
    expect(readdirSync(adapter).toSorted()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
    expect(readdirSync(folder).toSorted()).toEqual(['adapter', 'dev.csv', 'train.csv']);
    const { config, tensors } = decodeAdapter(
      Object.fromEntries(readdirSync(adapter).map((name) => [name, readFileSync(join(adapter, name))])),
    );
    expect(config).toMatchObject({
      peft_type: 'HADAMARD',
      site: 'context',
      norm: 'attention',
      num_labels: 2,
      id2label: { 0: 'animal', 1: 'tool' },
    });
    expect(tensors.has('layer.3.adapter.weight')).toBe(true);
  });

  it('gives the same bytes for the same seed, and others for another', async () => {
    const short = [
      'train',
      '--model',
      EMBEDDED_MODEL,
      ...data,
      '--classifier-epochs',
      1,
      '--epochs',
      1,
      '--json',
    ] as const;
    const bytes = async (name: string, seed: number): Promise<Buffer> => {
      expect((await cli(...short, '--seed', seed, '--output', join(folder, 'seeds', name))).code).toBe(0);
      return readFileSync(join(folder, 'seeds', name, 'adapter_model.safetensors'));
    };
    const first = await bytes('a', 3);
    expect((await bytes('b', 3)).equals(first)).toBe(true);
    expect((await bytes('c', 4)).equals(first)).toBe(false);
  });

  it('prints a table when a person asks', async () => {
    const { code, stdout, stderr } = await cli(
      'train',
      '--model',
      EMBEDDED_MODEL,
      ...data,
      '--classifier-epochs',
      1,
      '--epochs',
      1,
      '--output',
      join(folder, 'person'),
    );
    expect(code).toBe(0);
    for (const part of [
      'majority class',
      'classifier only',
      'Hadamard adapter',
      '4,096 of 5,289,984',
      '0.0774 %',
      'KiB',
    ])
      expect(stdout).toContain(part);
    expect(stderr).toMatch(/classifier epoch 1: loss \d/);
  });
});

describe('what can be done with the adapter', () => {
  const texts = ['--text', 'A wolf ran across the field.', '--text', 'She bought a new screwdriver.'] as const;
  const use = ['--model', EMBEDDED_MODEL, '--adapter', adapter] as const;

  it('evaluate finds the score that train reported', async () => {
    const result = await cli('evaluate', ...use, '--dev', devFile, '--json');
    expect(result.code, result.stderr).toBe(0);
    expect(lastLine(result)).toMatchObject({
      metric: 'accuracy',
      score: lastLine<TrainLine>(trained).stages[1]?.score,
      examples: 40,
    });
  });

  it('predict gives probabilities of every class', async () => {
    const { predictions } = lastLine<PredictLine>(await cli('predict', ...use, ...texts, '--json'));
    expect(predictions.map(({ text }) => text)).toEqual([texts[1], texts[3]]);
    for (const { label, score, probabilities } of predictions) {
      expect(Object.keys(probabilities)).toEqual(['animal', 'tool']);
      expect((probabilities['animal'] as number) + (probabilities['tool'] as number)).toBeCloseTo(1, 5);
      expect(score).toBe(Math.max(...Object.values(probabilities)));
      expect(probabilities[label]).toBe(score);
    }
  });

  it('unmerge takes the adapter out of it again', async () => {
    const [merged, output] = [join(folder, 'merged-again'), join(folder, 'unmerged')];
    expect((await cli('merge', ...use, '--output', merged)).code).toBe(0);
    expect((await cli('unmerge', '--model', merged, '--output', output, '--json')).code).toBe(0);
    expect(readdirSync(output).toSorted()).toEqual(['config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json']);
    const config = JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config['architectures']).toEqual(['BertModel']);
    expect(config).not.toHaveProperty('id2label');
    const session = await InferenceSession.create(join(output, 'onnx', 'model.onnx'));
    expect(session.outputNames).toEqual(['last_hidden_state']);
    await session.release();
    const { code, stderr } = await cli('unmerge', '--model', output, '--output', join(folder, 'never'));
    expect(code).toBe(1);
    expect(stderr).toContain('[FOLD_RECORD]');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('merge writes a plain model that answers the same without any of this', async () => {
    const output = join(folder, 'merged');
    expect((await cli('merge', ...use, '--output', output, '--json')).code).toBe(0);
    expect(readdirSync(output).toSorted()).toEqual(['config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json']);
    const config = JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'animal', 1: 'tool' },
      label2id: { animal: 0, tool: 1 },
    });

    const { predictions } = lastLine<PredictLine>(await cli('predict', ...use, '--text', texts[1], '--json'));
    const expected = Object.values(predictions[0]?.probabilities ?? {});
    const session = await InferenceSession.create(join(output, 'onnx', 'model.onnx'));
    expect(session.inputNames.toSorted()).toEqual(['attention_mask', 'input_ids', 'token_type_ids']);
    const { ids } = loadTokenizer(readFileSync(join(output, 'tokenizer.json')), inputLimits(config)).encode(texts[1]);
    const tensor = (values: Iterable<number>): Tensor =>
      new Tensor('int64', BigInt64Array.from([...values].map(BigInt)), [1, ids.length]);
    const ones = Array.from({ length: ids.length }, () => 1);
    const { logits } = await session.run(
      { input_ids: tensor(ids), attention_mask: tensor(ones), token_type_ids: tensor(ones.map(() => 0)) },
      ['logits'],
    );
    await session.release();
    const powers = Array.from(logits?.data as Float32Array, Math.exp);
    const sum = powers.reduce((a, b) => a + b, 0);
    // Folding reorders float32 sums: 1e-5 is the bound of the conformance suite.
    powers.forEach((power, i) => expect(Math.abs(power / sum - (expected[i] as number))).toBeLessThan(1e-5));
  });

  it('inspect counts without training', async () => {
    const line = lastLine<{ sites: readonly Record<string, unknown>[] }>(
      await cli('inspect', EMBEDDED_MODEL, '--layers', '1-2', '--norm', 'both', '--json'),
    );
    // Two layers of two adapter vectors and two norms of two vectors, 256 wide.
    expect(line).toMatchObject({
      family: 'bert',
      layers: 4,
      hiddenSize: 256,
      total: 5_289_984,
      trainable: 2 * 6 * 256,
      share: (2 * 6 * 256) / 5_289_984,
    });
    expect(line.sites.map(({ layer }) => layer)).toEqual([1, 2]);
    expect(line).toMatchObject({ precision: 'float32', cut: [] });
    for (const site of line.sites)
      expect(Object.keys(site)).toEqual([
        'key',
        'layer',
        'kind',
        'attention',
        'tensor',
        'projection',
        'channels',
        'norms',
      ]);
  });

  it('an adapter for another base, or none at all, is refused', async () => {
    const other = await cli(
      'predict',
      '--model',
      join(import.meta.dirname, '..', '..', 'conformance-fixtures', 'fixtures', 'bert', 'model.onnx'),
      '--adapter',
      adapter,
      '--text',
      'x',
    );
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/^error \[(ADAPTER_\w+)\] .+\n$/);
    const none = await cli('predict', '--model', EMBEDDED_MODEL, '--adapter', join(folder, 'nowhere'), '--text', 'x');
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('[FOLDER_MISSING]') });
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });
});
