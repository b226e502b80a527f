import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MismatchError, fromFloat32, type ParameterInfo } from '../src/index.js';
import {
  ADAPTER_CARD_FILE,
  ADAPTER_CONFIG_FILE,
  ADAPTER_TENSORS_FILE,
  adapterTensors,
  adapterValues,
  checkAdapterMatches,
  decodeAdapter,
  encodeAdapter,
  type AdapterConfig,
} from '../src/folder.js';
import { failure, survives } from './support/failure.js';

const config: AdapterConfig = {
  peft_type: 'HADAMARD',
  format_version: 1,
  base_model_name_or_path: 'someone/tiny-bert',
  base_weights_sha256: 'ab'.repeat(32),
  family: 'bert',
  hidden_size: 3,
  num_layers: 2,
  site: 'context',
  norm: 'attention',
  layers: [1],
  pooling: 'first',
  head: 'linear',
  loss: 'cross-entropy',
  num_labels: 2,
  id2label: { 0: 'negative', 1: 'positive' },
  task_type: 'SEQ_CLS',
  task: 'sst2',
  max_length: 128,
  modules_to_save: ['classifier'],
  versions: { '@hadamard-adapter/core': '0.0.0' },
  inference_mode: true,
};
const parameters: ParameterInfo[] = [
  { name: 'classifier.weight', group: 'classifier', shape: [2, 3] },
  { name: 'classifier.bias', group: 'classifier', shape: [2] },
  { name: 'layer.1.adapter.weight', group: 'adapter', shape: [3] },
];
const values = Float32Array.from({ length: 11 }, (_, i) => i / 7);
const tensors = adapterTensors(parameters, values);
const target = {
  baseDigest: config.base_weights_sha256,
  hiddenSize: config.hidden_size,
  numLayers: config.num_layers,
  site: 'context',
  norm: 'attention',
  layers: [1],
} as const;
const files = encodeAdapter({
  config,
  tensors,
  card: {
    metric: 'accuracy',
    scores: { accuracy: 0.91234, f1: 0.9 },
    trainable: 12,
    total: 1000,
    license: 'apache-2.0',
    notes: 'Trained on a toy.',
  },
});
const text = (name: string): string => new TextDecoder().decode(files[name]);
const withConfig = (change: Record<string, unknown>): Record<string, Uint8Array> => ({
  ...files,
  [ADAPTER_CONFIG_FILE]: new TextEncoder().encode(JSON.stringify({ ...config, ...change })),
});

describe('adapter folder', () => {
  it('has the files of PEFT and survives a round trip bit for bit', () => {
    expect(Object.keys(files)).toEqual([ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ADAPTER_CARD_FILE]);
    const read = decodeAdapter(files);
    expect(read.config).toEqual(config);
    expect(adapterValues(parameters, read.tensors)).toEqual(values);
    expect(encodeAdapter({ config, tensors })[ADAPTER_TENSORS_FILE]).toEqual(files[ADAPTER_TENSORS_FILE]);
  });

  it('ignores keys and files of other tools, and lives without a card', () => {
    const { [ADAPTER_CARD_FILE]: _, ...rest } = withConfig({ revision: null, 'x-tool': { a: 1 } });
    expect(decodeAdapter({ ...rest, 'notes.txt': new Uint8Array() }).config).toEqual(config);
  });

  it('writes a card for the hub', () => {
    const card = text(ADAPTER_CARD_FILE);
    expect(card).toMatch(/^---\nlibrary_name: hadamard-adapter\nbase_model: "someone\/tiny-bert"\n/);
    expect(card).toContain('license: "apache-2.0"');
    expect(card).toContain('| **accuracy** | 0.9123 |');
    expect(card).toContain('| numbers trained | 12 of 1,000 (1.2 %) |');
    expect(card).toContain('hadamard predict');
    expect(card).toContain('Trained on a toy.');
  });

  it('keeps paths of a machine and markup of labels out of the card', () => {
    const card = new TextDecoder().decode(
      encodeAdapter({
        config: { ...config, base_model_name_or_path: '/home/me/model', id2label: { 0: 'a|b\n<c>', 1: 'd' } },
        tensors,
      })[ADAPTER_CARD_FILE],
    );
    expect(card).not.toContain('/home/me');
    expect(card).not.toContain('base_model:');
    expect(card).toContain('a\\|b \\<c\\>, d');
  });
});

describe('a config that is wrong', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['another method', { peft_type: 'LORA' }, 'ADAPTER_TYPE'],
    ['a later version', { format_version: 2 }, 'ADAPTER_VERSION'],
    ['no version', { format_version: undefined }, 'ADAPTER_CONFIG'],
    ['a short hash', { base_weights_sha256: 'ab' }, 'ADAPTER_CONFIG'],
    ['a layer too high', { layers: [2] }, 'ADAPTER_CONFIG'],
    ['a layer twice', { layers: [1, 1] }, 'ADAPTER_CONFIG'],
    ['layers as text', { layers: '1' }, 'ADAPTER_CONFIG'],
    ['an unknown site', { site: 'input' }, 'ADAPTER_CONFIG'],
    ['too few label names', { id2label: { 0: 'a' } }, 'ADAPTER_CONFIG'],
    ['label names from 1 on', { id2label: { 1: 'a', 2: 'b' } }, 'ADAPTER_CONFIG'],
    ['a billion labels', { num_labels: 1e9 }, 'ADAPTER_CONFIG'],
    ['another task type', { task_type: 'CAUSAL_LM' }, 'ADAPTER_CONFIG'],
  ])('%s', async (_, change, code) => {
    expect((await failure(() => decodeAdapter(withConfig(change)))).code).toBe(code);
  });

  it('is not written either', async () => {
    expect(await failure(() => encodeAdapter({ config: { ...config, layers: [5] }, tensors }))).toMatchObject({
      code: 'ADAPTER_CONFIG',
      name: 'ConfigError',
    });
  });

  it('a missing or empty file is said by name', async () => {
    expect((await failure(() => decodeAdapter({}))).message).toContain(ADAPTER_CONFIG_FILE);
    const { [ADAPTER_TENSORS_FILE]: _, ...rest } = files;
    expect(await failure(() => decodeAdapter(rest))).toMatchObject({ code: 'ADAPTER_FILE_MISSING' });
    expect((await failure(() => decodeAdapter({ ...files, [ADAPTER_CONFIG_FILE]: new Uint8Array() }))).code).toBe(
      'ADAPTER_CONFIG',
    );
  });

  it('any damage gives one of our errors or a valid adapter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
        fc.nat(),
        async (name, damage, cut) => {
          const bytes = (files[name] as Uint8Array).slice();
          for (const [at, value] of damage) bytes[at % bytes.length] = value;
          expect(await survives(() => decodeAdapter({ ...files, [name]: bytes }))).toBeDefined();
          expect(
            (
              await failure(() =>
                decodeAdapter({ ...files, [name]: (files[name] as Uint8Array).subarray(0, cut % (bytes.length - 2)) }),
              )
            ).code,
          ).toMatch(/^(ADAPTER|SAFETENSORS)_/);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('any JSON value in any field gives one of our errors or a valid adapter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(config)), fc.jsonValue(), async (key, value) => {
        expect(await survives(() => decodeAdapter(withConfig({ [key]: value })))).toBeDefined();
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        expect(
          (await failure(() => decodeAdapter({ ...files, [ADAPTER_CONFIG_FILE]: new TextEncoder().encode(json) })))
            .code,
        ).toMatch(/^ADAPTER_/);
      }),
    );
  });
});

describe('files of two adapters mixed', () => {
  it.each([
    ['site', { site: 'output' }, 'ADAPTER_SITE_MISMATCH'],
    ['base', { base_weights_sha256: 'cd'.repeat(32) }, 'ADAPTER_BASE_MISMATCH'],
  ])('tensors say themselves which %s they are for', async (_, change, code) => {
    expect(await failure(() => decodeAdapter(withConfig(change)))).toMatchObject({ code });
  });
});

describe('checkAdapterMatches', () => {
  const refused = async (
    change: Partial<Parameters<typeof checkAdapterMatches>[3]>,
    changed = tensors,
  ): Promise<MismatchError> => {
    const error = await failure(() => checkAdapterMatches(config, parameters, changed, { ...target, ...change }));
    expect(error).toBeInstanceOf(MismatchError);
    return error;
  };

  it('accepts the model it was trained on', () => {
    expect(() => checkAdapterMatches(config, parameters, tensors, target)).not.toThrow();
  });

  it('refuses another base model, naming both hashes', async () => {
    const error = await refused({ baseDigest: 'cd'.repeat(32) });
    expect(error.code).toBe('ADAPTER_BASE_MISMATCH');
    expect(error.message).toContain('cd'.repeat(32));
    expect(error.message).toContain('ab'.repeat(32));
  });

  it('refuses another site, norm or choice of layers', async () => {
    expect((await refused({ site: 'output' })).code).toBe('ADAPTER_SITE_MISMATCH');
    expect((await refused({ norm: 'both' })).code).toBe('ADAPTER_SITE_MISMATCH');
    expect(await refused({ layers: [0, 1] })).toMatchObject({
      code: 'ADAPTER_SITE_MISMATCH',
      found: '[0, 1]',
      expected: '[1]',
    });
  });

  it('refuses another width or depth', async () => {
    expect(await refused({ hiddenSize: 4 })).toMatchObject({
      code: 'ADAPTER_SHAPE_MISMATCH',
      found: '4',
      expected: '3',
    });
    expect(await refused({ numLayers: 3 })).toMatchObject({ code: 'ADAPTER_SITE_MISMATCH', found: '3', expected: '2' });
  });

  it('refuses tensors that are missing, unknown, or of another shape', async () => {
    const without = new Map(tensors);
    without.delete('classifier.bias');
    expect((await refused({}, without)).code).toBe('ADAPTER_TENSOR_MISSING');
    expect((await refused({}, new Map([...tensors, ['extra', fromFloat32(values)]]))).code).toBe(
      'ADAPTER_TENSOR_UNKNOWN',
    );
    const reshaped = new Map([...tensors, ['classifier.weight', fromFloat32(new Float32Array(6), [3, 2])]]);
    expect(await refused({}, reshaped)).toMatchObject({
      code: 'ADAPTER_SHAPE_MISMATCH',
      found: '[3, 2]',
      expected: '[2, 3]',
    });
    expect((await failure(() => adapterValues(parameters, reshaped))).code).toBe('ADAPTER_SHAPE_MISMATCH');
    expect((await failure(() => adapterValues(parameters, without))).code).toBe('ADAPTER_TENSOR_MISSING');
  });

  it('refuses numbers that are not finite', async () => {
    const broken = new Map([...tensors, ['classifier.bias', fromFloat32(new Float32Array([0, NaN]))]]);
    expect((await failure(() => adapterValues(parameters, broken))).code).toBe('ADAPTER_VALUES');
  });
});
