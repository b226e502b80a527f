import { layout, type Group } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import {
  buildAdapterModel,
  type AdapterModelOptions,
  compileInference,
  compileTraining,
} from '@hadamard-adapter/compiler/internal';
import { loadReferenceModel } from '../src/internal.js';
import { toFloat32, type Tensor } from '@hadamard-adapter/graph/internal';
import { batchOf, packagedCanonical, packagedGraph } from '../../compiler/tests/support/packaged.js';

const OPTIONS: AdapterModelOptions = {
  site: 'context',
  norm: 'attention',
  pooling: 'first',
  head: 'linear',
  numLabels: 2,
  loss: 'cross-entropy',
};
const WIDTH = 32;

const sizes = (options: Partial<AdapterModelOptions>): Record<string, number> => {
  const { parameters } = buildAdapterModel(packagedCanonical('bert/model.onnx'), { ...OPTIONS, ...options });
  const places = layout(parameters);
  return Object.fromEntries(
    (['classifier', 'adapter', 'norm', 'base'] as Group[]).map((group) => [group, places.sizeOfGroups([group])]),
  );
};

describe('parameters', () => {
  const classifier = 2 * WIDTH + 2;
  const [adapter, norm] = [3 * 2 * WIDTH, 3 * 2 * WIDTH];

  it.each([
    ['as in the paper', {}, { classifier, adapter, norm, base: 0 }],
    ['two layers', { layers: [0, 2] }, { classifier, adapter: (adapter * 2) / 3, norm: (norm * 2) / 3, base: 0 }],
    ['both norms', { norm: 'both' }, { classifier, adapter, norm: 2 * norm, base: 0 }],
    ['no norm', { norm: 'none' }, { classifier, adapter, norm: 0, base: 0 }],
    ['the output site', { site: 'output' }, { classifier, adapter, norm, base: 0 }],
    ['a tanh head', { head: 'tanh' }, { classifier: classifier + WIDTH * WIDTH + WIDTH, adapter, norm, base: 0 }],
    ['five labels', { numLabels: 5 }, { classifier: 5 * WIDTH + 5, adapter, norm, base: 0 }],
    ['norms without adapter', { site: 'none' }, { classifier, adapter: 0, norm, base: 0 }],
  ] as const)('%s', (_, options, expected) => {
    expect(sizes(options as Partial<AdapterModelOptions>)).toEqual(expected);
  });

  it('with the base trainable are all the numbers of the model, each once', () => {
    const { parameterCount } = packagedCanonical('bert/model.onnx');
    const { base, norm } = sizes({ trainBase: true }) as { base: number; norm: number };
    expect(base + norm).toBe(parameterCount);
  });

  it('are in the order of the groups, named by layer', () => {
    const { parameters } = buildAdapterModel(packagedCanonical('bert/model.onnx'), { ...OPTIONS, layers: [1] });
    expect(parameters.map(({ name }) => name)).toEqual([
      'classifier.weight',
      'classifier.bias',
      'layer.1.adapter.weight',
      'layer.1.adapter.bias',
      'layer.1.attention_norm.weight',
      'layer.1.attention_norm.bias',
    ]);
  });

  it.each([[[3]], [[-1]], [[0, 0]], [[0.5]], [[]]])('layers %j are refused', (layers) => {
    expect(() => buildAdapterModel(packagedCanonical('bert/model.onnx'), { ...OPTIONS, layers })).toThrow(
      expect.objectContaining({ code: 'ADAPTER_LAYERS' }),
    );
  });
});

describe('an identity adapter', () => {
  it.each(['bert', 'roberta', 'electra', 'distilbert'])('leaves %s as it was, bit for bit', async (family) => {
    const graph = packagedGraph(`${family}/model.onnx`);
    for (const site of ['context', 'output'] as const) {
      const [with_, without] = [
        loadReferenceModel(graph, { numLabels: 2, site }),
        loadReferenceModel(graph, { numLabels: 2, site: 'none' }),
      ];
      expect(await with_.encode(batchOf())).toEqual(await without.encode(batchOf()));
      expect(await with_.predict(batchOf())).toEqual(await without.predict(batchOf()));
    }
  });
});

describe('what is compiled', () => {
  const model = buildAdapterModel(packagedCanonical('electra/model.onnx'), OPTIONS);

  it('takes tokens and one flat vector of parameters, and answers what was asked for', () => {
    const inference = compileInference(model, ['logits']);
    expect(inference.inputs.map(({ name }) => name).toSorted()).toEqual([
      'attention_mask',
      'input_ids',
      'parameters',
      'token_type_ids',
    ]);
    expect(inference.outputs.map(({ name }) => name)).toEqual(['logits']);
    const training = compileTraining(model, ['classifier']);
    expect(training.inputs.map(({ name }) => name)).toContain('targets');
    expect(training.outputs.map(({ name }) => name)).toEqual(['loss', 'gradients']);
  });

  it('computes no gradient below the lowest adapter', () => {
    const products = (options: Partial<AdapterModelOptions>): number =>
      compileTraining(buildAdapterModel(packagedCanonical('bert/model.onnx'), { ...OPTIONS, ...options }), [
        'adapter',
        'norm',
      ]).nodes.filter(({ op }) => op === 'MatMul' || op === 'Gemm').length;
    expect(products({ layers: [2] })).toBeLessThan(products({ layers: [1, 2] }));
    expect(products({ layers: [1, 2] })).toBeLessThan(products({}));
    // Stage one needs none: only the head is behind it.
    const stageOne = compileTraining(model, ['classifier']).nodes.filter(
      ({ op }) => op === 'MatMul' || op === 'Gemm',
    ).length;
    const forward = compileInference(model, ['logits']).nodes.filter(
      ({ op }) => op === 'MatMul' || op === 'Gemm',
    ).length;
    expect(stageOne - forward).toBeLessThanOrEqual(2);
  });

  it('is sorted, and reads nothing that nothing makes', () => {
    const graph = compileTraining(model, ['classifier', 'adapter', 'norm']);
    const known = new Set(['', ...graph.inputs.map(({ name }) => name), ...graph.tensors.keys()]);
    for (const { inputs, outputs } of graph.nodes) {
      for (const name of inputs) expect(known.has(name), name).toBe(true);
      for (const name of outputs) known.add(name);
    }
  });

  it('starts from identity, the norms of the base and a small random classifier', async () => {
    const session = loadReferenceModel(packagedGraph('electra/model.onnx'), { numLabels: 2, seed: 4 });
    const named = layout(session.parameters).named(await session.read());
    const { tensors } = session.compiled.canonical.graph;
    for (const { name, group, source } of session.parameters) {
      const values = named.get(name) as Float32Array;
      if (name.endsWith('adapter.weight')) expect(new Set(values)).toEqual(new Set([1]));
      else if (name.endsWith('.bias') && group !== 'norm') expect(new Set(values)).toEqual(new Set([0]));
      else if (group === 'norm') expect(values).toEqual(toFloat32(tensors.get(source as string) as Tensor));
      else expect(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeLessThan(0.2);
    }
    const other = loadReferenceModel(packagedGraph('electra/model.onnx'), { numLabels: 2, seed: 5 });
    expect(await other.read(['classifier'])).not.toEqual(await session.read(['classifier']));
  });
});

describe('gradients of all groups at once, the base included', () => {
  it('agree with central differences of the loss', async () => {
    const model = loadReferenceModel(packagedGraph('bert/model.opset17.onnx'), { numLabels: 2, trainBase: true });
    const batch = batchOf([0, 1]);
    const groups: Group[] = ['classifier', 'adapter', 'norm', 'base'];
    const start = await model.read(groups);
    const { gradients } = await model.gradients(batch, groups);
    // Every 4001st number: some in each kind of weight. The step is large because parameters are float32.
    const step = 2 ** -10;
    for (let i = 7; i < start.length; i += 4001) {
      const at = async (shift: number): Promise<number> => {
        await model.write(
          start.map((value, k) => (k === i ? value + shift : value)),
          groups,
        );
        return (await model.gradients(batch, [])).loss;
      };
      const difference = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs((gradients[i] as number) - difference)).toBeLessThan(2e-5);
    }
  });
});
