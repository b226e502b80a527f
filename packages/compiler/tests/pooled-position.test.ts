import { describe, expect, it } from 'vitest';
import { buildAdapterModel, type AdapterModel, type AdapterModelOptions } from '../src/model.js';
import { canonicalize } from '../src/canonicalize.js';
import { differentiate } from '../src/gradients/differentiate.js';
import {
  evaluate,
  int,
  type Graph,
  type Value,
  factsOf,
  isLinear,
  prune,
  makeNode,
  int64Tensor,
} from '@hadamard-adapter/graph/internal';
import { isSequence } from '../src/forms/dims.js';
import { withoutUnusedInputs } from '../src/forms/unused-inputs.js';
import { runPasses } from '../src/passes.js';
import { selectPosition as selectPass } from '../src/passes/select-position.js';
import { numbers } from './differentiate/central-differences.js';
import { packagedCanonical, packagedGraph, packagedModels, tokens } from './support/packaged.js';

const selectPosition = (graph: Graph): Graph => runPasses([selectPass], graph);

const OPTIONS: AdapterModelOptions = {
  site: 'context',
  norm: 'attention',
  pooling: 'first',
  head: 'linear',
  numLabels: 2,
  loss: 'cross-entropy',
};

const lossOf = ({ graph }: AdapterModel): Graph =>
  withoutUnusedInputs(prune({ ...graph, outputs: graph.outputs.filter(({ name }) => name === 'loss') }));

/** Tokens, random targets and parameters near 1 for the inputs of a graph; a padded row among them. */
function feedsFor(graph: Graph): Map<string, Value> {
  const feeds = tokens(graph);
  for (const [seed, { name, dims, dtype }] of graph.inputs.entries()) {
    if (dtype !== 'float32') continue;
    const sizes = dims.map((size) => (typeof size === 'string' ? 2 : size));
    feeds.set(name, {
      dtype,
      dims: sizes,
      data: numbers(
        sizes.reduce((a, b) => a * b, 1),
        seed,
      ).map((x) => (name === 'targets' ? Math.abs(x) : 0.2 * x + 1)),
    });
  }
  return feeds;
}

/** Loss and the gradients of all parameters, in float64. */
function train(graph: Graph, model: AdapterModel, feeds: ReadonlyMap<string, Value>): Value[] {
  const names = model.parameters.map(({ name }) => name);
  const { builder, gradients } = differentiate(graph, 'loss', names);
  const wanted = ['loss', ...names.map((name) => gradients.get(name) as string)];
  const values = evaluate(builder.finish([...new Set(wanted)]), feeds, { maxElements: Number.POSITIVE_INFINITY });
  return wanted.map((name) => values.get(name) as Value);
}

/** Linear layers by whether they treat every position. */
function linears(graph: Graph): { full: number; single: number } {
  const facts = factsOf(graph);
  const all = graph.nodes.filter(isLinear).map((node) => facts.dims(node.outputs[0] as string));
  return {
    full: all.filter((dims) => isSequence(dims?.[1])).length,
    single: all.filter((dims) => dims?.length === 3 && !isSequence(dims[1])).length,
  };
}

const float = packagedModels().filter((name) => !name.includes('int8'));

describe('the last layer for the pooled position only', () => {
  const expectSame = (name: string, pooling: 'first' | 'last'): void => {
    const model = buildAdapterModel(packagedCanonical(name), { ...OPTIONS, pooling });
    const [whole, reduced] = [lossOf(model), selectPosition(lossOf(model))];
    const feeds = feedsFor(whole);
    const [expected, found] = [train(whole, model, feeds), train(reduced, model, feeds)];
    for (const [i, value] of expected.entries()) {
      expect(found[i]?.dims).toEqual(value.dims);
      const scale = Math.max(1, ...(value.data as Float64Array).map(Math.abs));
      value.data?.forEach((x, at) =>
        expect(Math.abs((found[i]?.data?.[at] ?? Number.NaN) - x) / scale).toBeLessThan(1e-12),
      );
    }
  };
  for (const name of float) {
    for (const pooling of ['first', 'last'] as const) {
      // One file of each family, and every file of one.
      const tags = name.endsWith('/model.onnx') || name.startsWith('bert/') ? [] : ['all'];
      it(`${name}, ${pooling}: loss and gradients are what they were`, { tags }, () => expectSame(name, pooling));
    }
  }

  // Of six linear layers keys and values are for all positions; BART's decoder has two more of either kind, that look
  // at the encoder; DeBERTa-v2 computes its query for all positions, since it flattens batch and heads.
  it.each([
    ['bert/model.onnx', 4],
    ['roberta/model.onnx', 4],
    ['electra/model.onnx', 4],
    ['distilbert/model.onnx', 4],
    ['albert/model.onnx', 4],
    ['bart/model.onnx', 6],
    ['deberta-v2/model.onnx', 3],
    ['t5-encoder/model.onnx', 4],
  ])('%s: %i linear layers need one position', (name, single) => {
    const whole = lossOf(buildAdapterModel(packagedCanonical(name), OPTIONS));
    const before = linears(whole);
    expect(linears(selectPosition(whole))).toEqual({ full: before.full - single, single: before.single + single });
  });

  it('the model can pick its position by Gather, and another than the first', () => {
    const source = packagedGraph('bert/model.onnx');
    const graph = canonicalize(source).graph;
    const picked = (nodes: Graph['nodes']): Graph => ({
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      tensors: new Map([...graph.tensors, ['third', int64Tensor([2], [])]]),
      outputs: [{ name: 'picked', dtype: 'float32', dims: ['batch', 32] }],
    });
    const whole = picked([makeNode('Gather', ['last_hidden_state', 'third'], ['picked'], { axis: int(1) })]);
    const feeds = tokens(whole);
    const valueOf = (each: Graph): Value | undefined =>
      evaluate(each, feeds, { maxElements: Number.POSITIVE_INFINITY }).get('picked');
    expect(linears(selectPosition(whole)).single).toBe(4);
    expect(valueOf(selectPosition(whole))?.dims).toEqual([2, 32]);
    expect(valueOf(selectPosition(whole))?.data).toEqual(valueOf(whole)?.data);
  });

  it('leaves alone what is asked for in full, pooled from all positions, or rounded by the range of all rows', () => {
    const model = buildAdapterModel(packagedCanonical('bert/model.onnx'), OPTIONS);
    expect(linears(selectPosition(model.graph)).single).toBe(0);
    const mean = lossOf(buildAdapterModel(packagedCanonical('bert/model.onnx'), { ...OPTIONS, pooling: 'mean' }));
    expect(selectPosition(mean)).toBe(mean);
    const int8 = lossOf(buildAdapterModel(packagedCanonical('bert/model.int8.onnx'), OPTIONS));
    expect(linears(selectPosition(int8)).single).toBe(0);
  });
});
