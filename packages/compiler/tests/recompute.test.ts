import { layout } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { buildAdapterModel, type AdapterModelOptions } from '../src/model.js';
import { compileTraining } from '../src/compile.js';
import { evaluate, type Graph, type Value } from '@hadamard-adapter/graph/internal';
import { PARAMETERS_INPUT } from '../src/forms/names.js';
import { numbers } from './differentiate/central-differences.js';
import { packagedCanonical, tokens } from './support/packaged.js';

const OPTIONS: AdapterModelOptions = {
  site: 'context',
  norm: 'attention',
  pooling: 'first',
  head: 'linear',
  numLabels: 2,
  loss: 'cross-entropy',
};
const SHAPE = { batch: 16, sequence: 128 };
/**
 * What is computed again where it is not both. DeBERTa-v2 flattens batch and heads, which is not seen as an attention;
 * in a gated feed-forward the input of the GELU is half of a layer's output, or the layer has no GELU of ours.
 */
const AGAIN: Readonly<Record<string, readonly string[]>> = {
  'deberta-v2': ['Gemm'],
  modernbert: ['Softmax'],
  't5-encoder': ['Softmax'],
};
const count = (graph: Graph, op: string): number => graph.nodes.filter((node) => node.op === op).length;

describe('backward within a budget of memory', () => {
  it.each([
    'bert',
    'roberta',
    'electra',
    'distilbert',
    'albert',
    'bart',
    'deberta',
    'deberta-v2',
    'modernbert',
    't5-encoder',
  ])('%s: computes again what does not fit, and finds the same loss and gradients', (family) => {
    const model = buildAdapterModel(packagedCanonical(`${family}/model.onnx`), OPTIONS);
    const [plain, small] = [
      compileTraining(model, ['adapter', 'norm']),
      compileTraining(model, ['adapter', 'norm'], undefined, { ...SHAPE, maxBytes: 0 }),
    ];
    for (const op of AGAIN[family] ?? ['Gemm', 'Softmax']) expect(count(small, op)).toBeGreaterThan(count(plain, op));
    const feeds = tokens(plain);
    const size = layout(model.parameters).size;
    feeds.set(PARAMETERS_INPUT, { dtype: 'float32', dims: [size], data: numbers(size, 1).map((x) => 0.2 * x + 1) });
    feeds.set('targets', { dtype: 'float32', dims: [2, 2], data: Float64Array.of(1, 0, 0, 1) });
    const run = (graph: Graph): Value[] => {
      const values = evaluate(graph, new Map(graph.inputs.map(({ name }) => [name, feeds.get(name) as Value])), {
        maxElements: Number.POSITIVE_INFINITY,
      });
      return ['loss', 'gradients'].map((name) => values.get(name) as Value);
    };
    const [expected, found] = [run(plain), run(small)];
    for (const [i, { data }] of expected.entries())
      data?.forEach((x, at) =>
        expect(Math.abs((found[i]?.data?.[at] ?? Number.NaN) - x)).toBeLessThan(1e-12 * Math.max(1, Math.abs(x))),
      );
  });

  it('leaves a graph that fits as it is, and takes no more than it needs', () => {
    const model = buildAdapterModel(packagedCanonical('bert/model.onnx'), OPTIONS);
    const compiled = (maxBytes: number): Graph =>
      compileTraining(model, ['adapter', 'norm'], undefined, { ...SHAPE, maxBytes });
    const softmaxes = [1e12, 4e6, 0].map((maxBytes) => count(compiled(maxBytes), 'Softmax'));
    expect(softmaxes[0]).toBe(count(compileTraining(model, ['adapter', 'norm']), 'Softmax'));
    expect(softmaxes[1]).toBeGreaterThan(softmaxes[0] as number);
    expect(softmaxes[2]).toBeGreaterThanOrEqual(softmaxes[1] as number);
  });
});
