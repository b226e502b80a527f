import type { Group } from '@hadamard-adapter/core';
import {
  compileInference,
  compileSiteInput,
  compileTraining,
  type AdapterModel,
  PARAMETERS_INPUT,
} from '@hadamard-adapter/compiler/internal';
import { type Graph, evaluate, type Value } from '@hadamard-adapter/graph/internal';
import type { Executor, RunInputs } from '../executor/executor.js';
import { inputValue } from '../session/inputs.js';
import { compileModel, makeSession, type LocalSession, type SessionOptions } from '../session/session.js';

/**
 * The reference runtime: every compiled graph interpreted in float64, operator by operator, in plain JavaScript. Slow,
 * for tiny models; it tells whether a deviation comes from the graph or from the arithmetic of a runtime.
 */
export function loadReferenceModel(graph: Graph, options: SessionOptions): LocalSession {
  const compiled = compileModel(graph, options);
  return makeSession(
    compiled,
    (parameters) => referenceExecutor(compiled, parameters),
    { runtime: 'reference', device: 'cpu' },
    options,
  );
}

function referenceExecutor(model: AdapterModel, parameters: Float32Array): Executor {
  const graphs = new Map<string, Graph>();
  const compiled = (key: string, compile: () => Graph): Graph => {
    const graph = graphs.get(key) ?? compile();
    graphs.set(key, graph);
    return graph;
  };
  const run = (graph: Graph, inputs: RunInputs, output: string): Float32Array =>
    Float32Array.from(evaluateWith(graph, inputs, model, parameters).get(output)?.data ?? []);
  return {
    async train(groups: readonly Group[], inputs) {
      const graph = compiled(`train:${groups.join('+')}`, () => compileTraining(model, groups));
      const values = evaluateWith(graph, inputs, model, parameters);
      return {
        loss: values.get('loss')?.data?.[0] ?? Number.NaN,
        gradients: Float32Array.from(values.get('gradients')?.data ?? []),
      };
    },
    async predict(inputs) {
      return run(
        compiled('logits', () => compileInference(model, ['logits'])),
        inputs,
        'logits',
      );
    },
    async encode(inputs) {
      return run(
        compiled('hidden', () => compileInference(model, ['hidden'])),
        inputs,
        model.canonical.hidden,
      );
    },
    async siteInput(inputs, key) {
      const { graph, output } = compileSiteInput(model, key);
      return run(graph, inputs, output);
    },
    cachedGroups: () => undefined,
    forget: () => undefined,
    async dispose() {
      graphs.clear();
    },
  };
}

function evaluateWith(
  graph: Graph,
  inputs: RunInputs,
  model: AdapterModel,
  parameters: Float32Array,
): Map<string, Value> {
  const valueOf = (name: string): Value | undefined =>
    name === PARAMETERS_INPUT
      ? { dtype: 'float32', dims: [parameters.length], data: Float64Array.from(parameters) }
      : inputValue(model, inputs, name);
  const feeds = new Map<string, Value>();
  for (const { name } of graph.inputs) {
    const value = valueOf(name);
    if (value !== undefined) feeds.set(name, value);
  }
  return evaluate(graph, feeds, { maxElements: Number.POSITIVE_INFINITY });
}
