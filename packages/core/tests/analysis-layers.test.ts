import { describe, expect, it } from 'vitest';
import { keepLayers, numbersOfLayers, pruneAdapter, siteVectors, type LayerParameter } from '../src/analysis.js';
import { fromFloat32, layout } from '../src/index.js';
import { decodeAdapter, encodeAdapter, type Adapter, type AdapterConfig } from '../src/folder.js';
import { failure } from './support/failure.js';

const CONFIG: AdapterConfig = {
  peft_type: 'HADAMARD',
  format_version: 1,
  base_model_name_or_path: 'test/base',
  base_weights_sha256: 'a'.repeat(64),
  hidden_size: 2,
  num_layers: 4,
  site: 'context',
  norm: 'attention',
  layers: [0, 2, 3],
  pooling: 'first',
  head: 'linear',
  loss: 'cross-entropy',
  num_labels: 2,
  id2label: { 0: 'no', 1: 'yes' },
  task_type: 'SEQ_CLS',
  modules_to_save: ['classifier'],
  versions: {},
  inference_mode: true,
};

/** An adapter whose numbers say where they belong: 10 · place + position. */
function adapter(
  keys: readonly string[],
  config: Partial<AdapterConfig> = {},
  norms: readonly string[] = keys,
): Adapter {
  const names = [
    'classifier.weight',
    ...keys.flatMap((key) => [`${key}.adapter.weight`, `${key}.adapter.bias`]),
    ...norms.flatMap((key) => [`${key}.attention_norm.weight`, `${key}.attention_norm.bias`]),
  ];
  return {
    config: { ...CONFIG, ...config },
    tensors: new Map(names.map((name, i) => [name, fromFloat32(new Float32Array([10 * i, 10 * i + 1]))])),
  };
}

const PLAIN = ['layer.0', 'layer.2', 'layer.3'];

describe('siteVectors', () => {
  it('gives w and b by layer, whatever the order of the tensors', () => {
    const { config, tensors } = adapter(PLAIN);
    const shuffled = { config, tensors: new Map([...tensors].reverse()) };
    expect(siteVectors(shuffled).map(({ layer, key, w, b }) => [layer, key, ...w, ...b])).toEqual([
      [0, 'layer.0', 10, 11, 20, 21],
      [2, 'layer.2', 30, 31, 40, 41],
      [3, 'layer.3', 50, 51, 60, 61],
    ]);
  });

  it('counts layers of a decoder on behind the encoder', () => {
    const keys = [
      'decoder.layer.1.self',
      'decoder.layer.1.cross',
      'encoder.layer.10.self',
      'encoder.layer.9.self',
      'decoder.layer.0.self',
      'decoder.layer.0.cross',
    ];
    const sites = siteVectors(adapter(keys, { num_layers: 24, layers: [9, 10, 12, 13], cross_attention: true }));
    expect(sites.map(({ layer, key }) => `${layer} ${key}`)).toEqual([
      '9 encoder.layer.9.self',
      '10 encoder.layer.10.self',
      '12 decoder.layer.0.self',
      '12 decoder.layer.0.cross',
      '13 decoder.layer.1.self',
      '13 decoder.layer.1.cross',
    ]);
  });

  it('refuses tensors of other layers than the config names', async () => {
    const { code, found, expected } = await failure(() => siteVectors(adapter(['layer.0'])));
    expect([code, found, expected]).toEqual(['ADAPTER_TENSOR_MISSING', 'adapters of 1 layers', '3: 0, 2, 3']);
  });
});

describe('pruneAdapter', () => {
  it('keeps the numbers of the kept layers and of the classifier, and can be written', () => {
    const whole = adapter(PLAIN);
    const pruned = decodeAdapter(encodeAdapter(pruneAdapter(whole, [3, 0])));
    expect(pruned.config).toEqual({ ...whole.config, layers: [0, 3] });
    expect([...pruned.tensors.keys()].toSorted()).toEqual(
      [...whole.tensors.keys()].filter((name) => !name.startsWith('layer.2.')).toSorted(),
    );
    expect(siteVectors(pruned)).toEqual(siteVectors(whole).filter(({ layer }) => layer !== 2));
  });

  it('does not take layer 10 for layer 1', () => {
    const whole = adapter(['layer.1', 'layer.10'], { num_layers: 12, layers: [1, 10] });
    expect([...pruneAdapter(whole, [10]).tensors.keys()].filter((name) => name.startsWith('layer.'))).toHaveLength(4);
  });

  it.each([
    ['none', []],
    ['one that it has not', [0, 1]],
    ['one twice', [0, 0]],
  ])('refuses to keep %s', async (_, kept) => {
    expect((await failure(() => pruneAdapter(adapter(PLAIN), kept))).code).toBe('PRUNE_LAYERS');
  });

  it('does not guess which layers share a norm', async () => {
    const shared = adapter(PLAIN, {}, ['layer.0']);
    expect((await failure(() => pruneAdapter(shared, [2, 3]))).code).toBe('PRUNE_SHARED_NORM');
    expect(pruneAdapter(shared, [0, 3]).tensors.has('layer.0.attention_norm.weight')).toBe(true);
  });
});

describe('keepLayers', () => {
  const parameters: LayerParameter[] = [
    { name: 'classifier.weight', group: 'classifier', shape: [1], layers: [] },
    { name: 'layer.0.adapter.weight', group: 'adapter', shape: [2], layers: [0] },
    { name: 'layer.1.adapter.weight', group: 'adapter', shape: [2], layers: [1] },
    { name: 'layer.0.attention_norm.weight', group: 'norm', shape: [1], layers: [0, 1] },
  ];
  const own = new Float32Array([7, 2, 2, 3, 3, 5]);
  const base = new Float32Array([9, 1, 1, 1, 1, 0]);

  it('puts the base in place of dropped layers, and a shared norm when the last of its layers goes', () => {
    expect(layout(parameters).size).toBe(6);
    expect([...keepLayers(parameters, own, base, [0, 1])]).toEqual([7, 2, 2, 3, 3, 5]);
    expect([...keepLayers(parameters, own, base, [1])]).toEqual([7, 1, 1, 3, 3, 5]);
    expect([...keepLayers(parameters, own, base, [])]).toEqual([7, 1, 1, 1, 1, 0]);
    expect([...own]).toEqual([7, 2, 2, 3, 3, 5]);
  });

  it('counts what is trained for the kept layers', () => {
    expect([[], [1], [0, 1]].map((kept) => numbersOfLayers(parameters, kept))).toEqual([0, 3, 5]);
  });
});
