import { normal } from '@hadamard-adapter/core';
import {
  checkGraph,
  elementCount,
  evaluate,
  operatorOf,
  prune,
  type Graph,
  type Value,
} from '@hadamard-adapter/graph/internal';
import { describe, expect, it } from 'vitest';
import { buildAdapterModel } from '../src/model.js';
import { ASKED, CANONICAL, programPasses, tracePasses } from '../src/passes.js';
import type { Pass } from '../src/passes/pass.js';
import { differenceAtTokens, packagedCanonical, packagedGraph, packagedModels, tokens } from './support/packaged.js';

const everything = { maxElements: Infinity };
const isInterpretable = ({ nodes }: Graph): boolean => nodes.every((node) => operatorOf(node).infer !== undefined);

/** Constants that exporters round to float32 move results by less than the first, those rounded to float16 by 1e-3. */
const bound = (name: string): number => (name.includes('fp16') ? 1e-3 : 1e-6);

/** Every graph that a list of passes makes of one, valid, with what it answers for `output`. */
function answers(
  passes: readonly Pass[],
  source: Graph,
  feeds: ReadonlyMap<string, Value>,
  outputOf: (graph: Graph) => string,
): { readonly pass: string; readonly value: Value }[] {
  const context = { keepHead: false, declared: source.outputs };
  const traces = tracePasses(passes, source, context);
  const graphs = [{ pass: 'source', graph: source }, ...traces.map(({ pass, graph }) => ({ pass: pass.name, graph }))];
  // A pass that changes nothing answers the graph itself.
  const changed = graphs.filter(({ graph }, i) => graph !== graphs[i - 1]?.graph);
  for (const { graph } of changed) checkGraph(graph);
  return changed
    .filter(({ graph }) => isInterpretable(graph))
    .map(({ pass, graph }) => {
      const value = evaluate(graph, feeds, everything).get(outputOf(graph));
      if (value === undefined) throw new Error(`${pass} leaves no value ${outputOf(graph)}`);
      return { pass, value };
    });
}

describe('the list of passes', () => {
  it('has names of their own, and says of each what it does, needs and guarantees', () => {
    const all = [...CANONICAL, ...ASKED, ...programPasses({ parameters: [], int8Bits: 8 })];
    const names = new Set(all.map(({ name }) => name));
    expect(new Set(all).size - names.size).toBe(0);
    for (const { name, does, needs, guarantees } of all) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(does, name).toMatch(/^[A-Z].*\.$/);
      for (const text of [needs, guarantees]) expect(text.length, name).toBeGreaterThan(5);
    }
  });
});

describe('each pass leaves a valid graph that computes the same numbers', () => {
  for (const name of packagedModels()) {
    const tags = name.endsWith('/model.onnx') || name.startsWith('bert/') ? [] : ['all'];
    it(name, { tags }, () => {
      const source = packagedGraph(name);
      const { hidden } = packagedCanonical(name);
      const feeds = tokens(source);
      const mask = feeds.get('attention_mask');
      const found = answers(CANONICAL, source, feeds, () => hidden);
      const [first] = found;
      expect(found.length).toBeGreaterThan(5);
      if (first === undefined || mask === undefined) throw new Error('nothing to compare');
      for (const { pass, value } of found)
        expect(differenceAtTokens(first.value, value, mask), pass).toBeLessThan(bound(name));
    });
  }

  for (const name of packagedModels().filter((each) => each.endsWith('/model.onnx')))
    it(`${name}, on the way to a program`, () => {
      const model = buildAdapterModel(packagedCanonical(name), {
        site: 'context',
        norm: 'attention',
        pooling: 'first',
        head: 'tanh',
        numLabels: 3,
        loss: 'cross-entropy',
      });
      const { parameters } = model;
      const values = parameters.map((parameter) => normal(elementCount(parameter.shape), 0.3, 1, parameter.name));
      const flat = Float64Array.from(values.flatMap((each) => [...each]));
      const feeds = new Map<string, Value>([
        ...tokens(model.graph),
        ...parameters.map(({ name: key, shape }, i): [string, Value] => [
          key,
          { dtype: 'float32', dims: shape, data: Float64Array.from(values[i] ?? []) },
        ]),
        ['parameters', { dtype: 'float32', dims: [flat.length], data: flat }],
      ]);
      const logits = model.graph.outputs.filter(({ name: output }) => output === 'logits');
      const asked = prune({ ...model.graph, outputs: logits });
      const found = answers([...ASKED, ...programPasses({ parameters })], asked, feeds, () => 'logits');
      const expected = found[0]?.value.data ?? [];
      expect(found.length).toBeGreaterThan(4);
      expect(expected.length).toBe(6);
      for (const { pass, value } of found) {
        const worst = Math.max(...expected.map((logit, i) => Math.abs(logit - (value.data?.[i] ?? Number.NaN))));
        expect(worst, pass).toBeLessThan(1e-6);
      }
    });
});
