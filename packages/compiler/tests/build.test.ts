import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  fromFloat32,
  readSafetensors,
  writeSafetensors,
  type Dtype,
  type Tensor as Stored,
} from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { BUILDABLE, buildEncoder } from '../src/families/build.js';
import { canonicalize } from '../src/canonicalize.js';
import { checkpointWeights, placeholderWeights } from '../src/families/weights.js';
import { evaluate, operatorName, toFloat16, type Graph, type Value } from '@hadamard-adapter/graph/internal';
import { findSites } from '../src/sites/sites.js';
import { readEncoder } from '../src/families/read-encoder.js';
import { bucketOf } from '../src/families/encoder/disentangled.js';
import { bucket } from '../src/families/t5.js';
import { differenceAtTokens, packagedCanonical, packagedGraph, tokens } from './support/packaged.js';

const folder = fileURLToPath(new URL('../../conformance-fixtures/fixtures', import.meta.url));
const families = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const bytesOf = (family: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${family}/model.safetensors`));
const configOf = (family: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${folder}/${family}/config.json`, 'utf8')) as Record<string, unknown>;
const built = (family: string): Graph => readEncoder(bytesOf(family), { config: configOf(family) });

const everything = { maxElements: Number.POSITIVE_INFINITY };

describe.each(families)('%s, built from its checkpoint', (family) => {
  it('computes what the exported graph computes, at lengths that no fixture has', () => {
    const [graph, exported] = [built(family), packagedCanonical(`${family}/model.onnx`)];
    for (const size of [
      { batch: 2, sequence: 40, padding: 9 },
      { batch: 1, sequence: 1, padding: 0 },
    ]) {
      const feeds = tokens(exported.graph, size);
      const found = evaluate(graph, feeds, everything).get('last_hidden_state') as Value;
      const expected = evaluate(exported.graph, feeds, everything).get(exported.hidden) as Value;
      // Float64 on both sides; constants such as √d and the rotary frequencies are float32 in the file.
      expect(differenceAtTokens(found, expected, feeds.get('attention_mask') as Value)).toBeLessThan(5e-6);
    }
  });

  it('is canonical as it stands, with the same sites under the same keys', () => {
    const { graph } = canonicalize(built(family));
    const names = new Set(graph.nodes.map(operatorName));
    for (const idiom of ['Softmax', 'Erf', 'ReduceMean', 'Sqrt', 'Pow', 'Constant', 'Gemm', 'If'])
      expect(names, idiom).not.toContain(idiom);
    const keys = (sites: ReturnType<typeof findSites>): string[] => sites.map(({ key }) => key);
    expect(keys(findSites(canonicalize(built(family))))).toEqual(
      keys(findSites(packagedCanonical(`${family}/model.onnx`))),
    );
  });

  it('reads its weights where they lie, and counts all of them', () => {
    const bytes = bytesOf(family);
    const { graph, parameterCount } = canonicalize(readEncoder(bytes, { config: configOf(family) }));
    const inFile = [...graph.tensors.values()].filter((tensor) => tensor.bytes.buffer === bytes.buffer);
    // A few tables of positions are computed; no weight is among them.
    const copied = [...graph.tensors.values()].filter(
      (tensor) => tensor.bytes.buffer !== bytes.buffer && tensor.dtype === 'float32' && tensor.bytes.length > 16,
    );
    expect(copied).toEqual([]);
    expect(inFile.length).toBeGreaterThan(15);
    const stored = [...readSafetensors(bytes).tensors.values()].reduce(
      (sum, { bytes: own }) => sum + own.length / 4,
      0,
    );
    expect(parameterCount).toBe(stored);
  });

  it('has the shape that the config alone says', () => {
    const { parameterCount } = canonicalize(buildEncoder(configOf(family), placeholderWeights()));
    expect(parameterCount).toBe(canonicalize(built(family)).parameterCount);
  });
});

it('every family that can be built is tried', () => {
  const tried = new Set(families.map((family) => configOf(family)['model_type']));
  // These two are RoBERTas under names of their own.
  expect(BUILDABLE.filter((type) => !tried.has(type))).toEqual(['camembert', 'xlm-roberta']);
});

describe('a checkpoint', () => {
  const { tensors } = readSafetensors(bytesOf('bert'));
  const config = configOf('bert');
  const write = (change: (name: string, tensor: Stored) => [string, Stored][]): Uint8Array =>
    writeSafetensors([...tensors].flatMap(([name, tensor]) => change(name, tensor)));
  const hidden = (bytes: Uint8Array, ...shards: Uint8Array[]): Float64Array => {
    const graph = readEncoder(bytes, { config, shards });
    return evaluate(graph, tokens(graph), everything).get('last_hidden_state')?.data as Float64Array;
  };
  const expected = hidden(bytesOf('bert'));

  it('may stand in front of a head, under any prefix', () => {
    const wrapped = write((name, tensor) => [
      [`bert.${name}`, tensor],
      ...(name.startsWith('pooler') ? [[`classifier.${name.slice(13)}`, tensor] as [string, Stored]] : []),
    ]);
    expect(hidden(wrapped)).toEqual(expected);
  });

  it('may call its norms as TensorFlow did', () => {
    expect(
      hidden(
        write((name, tensor) => [
          [name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'), tensor],
        ]),
      ),
    ).toEqual(expected);
  });

  it('may come in several files', () => {
    const part = (first: boolean): Uint8Array =>
      write((name, tensor) => (name.includes('layer.1') === first ? [[name, tensor]] : []));
    expect(hidden(part(true), part(false))).toEqual(expected);
    expect(() => hidden(part(true), bytesOf('bert'))).toThrow(expect.objectContaining({ code: 'CHECKPOINT_TENSOR' }));
  });

  it('may be in half precision', () => {
    const halved = write((name, { shape, bytes }) => {
      const halves = Uint16Array.from(new Float32Array(bytes.slice().buffer), toFloat16);
      return [[name, { dtype: 'F16', shape, bytes: new Uint8Array(halves.buffer) }]];
    });
    // Eleven bits of each weight through three layers.
    hidden(halved).forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(2e-2));
    expect(hidden(halved)).not.toEqual(expected);
  });

  it.each<[string, (name: string, tensor: Stored) => [string, Stored][], string]>([
    [
      'lacks a tensor',
      (name, tensor) => (name === 'encoder.layer.1.output.dense.weight' ? [] : [[name, tensor]]),
      'encoder.layer.1.output.dense.weight',
    ],
    [
      'holds one of another shape',
      (name, tensor) => [
        [name, name === 'encoder.layer.2.output.dense.bias' ? fromFloat32(new Float32Array(31)) : tensor],
      ],
      '[31]',
    ],
    [
      'holds two models',
      (name, tensor) => [
        [`query.${name}`, tensor],
        [`passage.${name}`, tensor],
      ],
      'passage.embeddings.word_embeddings.weight',
    ],
    ['is of another family', (name, tensor) => [[`x${name}`, tensor]], 'embeddings.word_embeddings.weight'],
    [
      'holds integers',
      (name, tensor) => [
        [
          name,
          name === 'embeddings.LayerNorm.weight'
            ? { dtype: 'I32' as Dtype, shape: [32], bytes: new Uint8Array(128) }
            : tensor,
        ],
      ],
      'I32',
    ],
  ])('that %s is refused', (_, change, text) => {
    expect(() => hidden(write(change))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^CHECKPOINT_/), message: expect.stringContaining(text) }),
    );
  });
});

describe('a config', () => {
  const build = (family: string, changes: Record<string, unknown>): Graph =>
    buildEncoder({ ...configOf(family), ...changes }, placeholderWeights());

  it.each([
    ['of a family that is not known', 'bert', { model_type: 'llama' }, 'MODEL_TYPE'],
    ['without a family', 'bert', { model_type: undefined }, 'MODEL_TYPE'],
    ['of a family called like a member of objects', 'bert', { model_type: 'constructor' }, 'MODEL_TYPE'],
    ['whose heads do not divide its width', 'bert', { num_attention_heads: 5 }, 'MODEL_CONFIG'],
    ['with a size that is none', 'roberta', { hidden_size: 'wide' }, 'MODEL_CONFIG'],
    ['without layers', 'electra', { num_hidden_layers: 0 }, 'MODEL_CONFIG'],
    ['with an activation that is not known', 'distilbert', { activation: 'mish' }, 'MODEL_CONFIG'],
    ['of a DeBERTa with a convolution', 'deberta-v2', { conv_kernel_size: 3 }, 'MODEL_CONFIG'],
    ['of a DeBERTa without relative positions', 'deberta', { relative_attention: false }, 'MODEL_CONFIG'],
    ['of a BART with norms in front', 'bart', { normalize_before: true }, 'MODEL_CONFIG'],
    ['of a T5 with a feed-forward that is not known', 't5-encoder', { feed_forward_proj: '3-gelu' }, 'MODEL_CONFIG'],
    [
      'of a ModernBERT with stretched positions',
      'modernbert',
      { rope_parameters: { full_attention: { rope_type: 'yarn', rope_theta: 1e4 } } },
      'MODEL_CONFIG',
    ],
  ])('%s is refused', (_, family, changes, code) => {
    expect(() => build(family, changes)).toThrow(expect.objectContaining({ code }));
  });

  it('may leave out what its family has defaults for', () => {
    expect(canonicalize(buildEncoder({ model_type: 'bert' }, placeholderWeights())).parameterCount).toBe(109_482_240);
  });

  it('of a ModernBERT may be of the time before its layer types were listed', () => {
    const { layer_types, rope_parameters, ...old } = configOf('modernbert');
    expect([layer_types, rope_parameters]).not.toContain(undefined);
    const graph = readEncoder(bytesOf('modernbert'), {
      config: { ...old, global_rope_theta: 160_000, local_rope_theta: 10_000 },
    });
    expect(graph.nodes).toEqual(built('modernbert').nodes);
  });

  it('with a position table shorter than a bucketed distance still reads texts of any length', () => {
    const graph = canonicalize(
      buildEncoder(
        { ...configOf('deberta-v2'), position_buckets: 6, max_position_embeddings: 20 },
        placeholderWeights(),
      ),
    ).graph;
    for (const sequence of [2, 7, 30])
      expect(evaluate(graph, tokens(graph, { batch: 1, sequence, padding: 0 })).get('last_hidden_state')?.dims).toEqual(
        [1, sequence, 32],
      );
  });
});

describe('buckets of distances', () => {
  it('of T5 are those of the paper: near ones apart, far ones in logarithmic steps, either side', () => {
    expect([0, 1, 2, 7, 8, 11, 12, 127, 128, 1000].map((distance) => bucket(-distance, 32, 128))).toEqual([
      0, 1, 2, 7, 8, 8, 9, 15, 15, 15,
    ]);
    expect([1, 7, 128].map((distance) => bucket(distance, 32, 128))).toEqual([17, 23, 31]);
  });

  it('of DeBERTa are odd, grow with the distance, and end at the span', () => {
    const buckets = Array.from({ length: 600 }, (_, distance) => bucketOf(distance, 256, 512));
    expect(buckets.slice(0, 129)).toEqual(Array.from({ length: 129 }, (_, distance) => distance));
    buckets.forEach((each, distance) => {
      expect(bucketOf(-distance, 256, 512) + 0).toBe(0 - each);
      expect(each).toBeGreaterThanOrEqual(buckets[distance - 1] ?? 0);
    });
    expect(buckets[511]).toBe(255);
    expect(buckets[512]).toBeGreaterThanOrEqual(256);
  });
});

it('the weights of a checkpoint are found by name and shape alone', () => {
  const weights = checkpointWeights(bytesOf('albert'));
  expect(weights.has('pooler.weight')).toBe(true);
  expect(weights.has('pooler.dense.weight')).toBe(false);
  expect(weights.take('pooler.weight', [32, 32]).dims).toEqual([32, 32]);
  expect(packagedGraph('albert/model.onnx').inputs.map(({ name }) => name)).toEqual(
    built('albert').inputs.map(({ name }) => name),
  );
});
