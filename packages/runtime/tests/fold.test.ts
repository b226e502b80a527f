import { layout, normal } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { concatChunks, elementCount, evaluate, readModel, type Value } from '@hadamard-adapter/graph/internal';
import { foldAdapters } from '@hadamard-adapter/compiler/internal';
import { loadReferenceModel, type LocalSession } from '../src/internal.js';
import { batchOf, packagedGraph, tokens } from '../../compiler/tests/support/packaged.js';

const FAMILIES = ['bert', 'roberta', 'electra', 'distilbert'];

/** A session whose adapters, norms and classifier are all away from where they start. */
async function trained(family: string, site: 'context' | 'output', layers?: readonly number[]): Promise<LocalSession> {
  const session = loadReferenceModel(packagedGraph(`${family}/model.onnx`), {
    numLabels: 3,
    site,
    norm: 'both',
    head: 'tanh',
    ...(layers === undefined ? {} : { layers }),
  });
  const start = await session.read();
  await session.write(start.map((value, i) => value + (normal(start.length, 0.2, 11, 'fold')[i] as number)));
  return session;
}

describe.each(FAMILIES)('%s', (family) => {
  it.each(['context', 'output'] as const)('folded at site %s gives the logits of the adapters', async (site) => {
    const session = await trained(family, site);
    const graph = readModel(concatChunks(await session.fold()));
    const results = evaluate(graph, tokens(graph), { maxElements: Infinity });
    const expected = await session.predict(batchOf());
    // Folded weights are rounded to float32 once more than the adapters were.
    results
      .get('logits')
      ?.data?.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-5));
    expect(results.get('logits')?.dims).toEqual([2, 3]);
  });

  it('is a plain model: the inputs of the base, logits and hidden states, standard operators', async () => {
    const session = await trained(family, 'context');
    const graph = readModel(concatChunks(await session.fold()));
    expect(graph.inputs.map(({ name }) => name).toSorted()).toEqual(
      packagedGraph(`${family}/model.onnx`)
        .inputs.map(({ name }) => name)
        .toSorted(),
    );
    expect(graph.outputs.map(({ name }) => name)).toEqual(['logits', 'last_hidden_state']);
    expect(new Set(graph.nodes.map(({ domain }) => domain))).toEqual(new Set(['']));
  });
});

describe.each(FAMILIES)('%s folded', (family) => {
  it('is a base model for the next adapter', async () => {
    const session = await trained(family, 'context');
    const graph = readModel(concatChunks(await session.fold()));
    const again = loadReferenceModel(graph, { numLabels: 2 });
    expect(again.compiled.sites.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    const ops = new Set(again.compiled.canonical.graph.nodes.map(({ op }) => op));
    for (const gone of ['Gemm', 'MatMul', 'Softmax', 'Erf']) expect(ops.has(gone), gone).toBe(false);
    const [found, expected] = [await again.encode(batchOf()), await session.encode(batchOf())];
    found.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-5));
  });
});

describe('folding', () => {
  it('copies only the weights that change', async () => {
    const session = await trained('bert', 'context', [1]);
    const places = layout(session.parameters);
    const folded = foldAdapters(session.compiled, places.named(await session.read()));
    const originals = new Set([...session.compiled.canonical.graph.tensors.values()].map(({ bytes }) => bytes));
    const fresh = [...folded.tensors]
      .filter(([, { bytes, dims }]) => elementCount(dims) >= 32 && !originals.has(bytes))
      .map(([name]) => name);
    // One output projection, two norms of layer 1, and the head.
    expect(fresh.filter((name) => !/classifier|pooler/.test(name)).length).toBeLessThanOrEqual(6);
    expect(fresh).toContain('layer.1.folded.weight');
    expect(fresh).not.toContain('layer.0.folded.weight');
  });

  it('of an identity adapter changes no number', async () => {
    const session = loadReferenceModel(packagedGraph('bert/model.onnx'), { numLabels: 2 });
    const graph = readModel(concatChunks(await session.fold()));
    const plain = loadReferenceModel(packagedGraph('bert/model.onnx'), { numLabels: 2, site: 'none' });
    const logits = evaluate(graph, tokens(graph), { maxElements: Infinity }).get('logits') as Value;
    const expected = await plain.predict(batchOf());
    // The interpreter keeps float64 in the folded graph, the session answers float32.
    logits.data?.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-6));
  });

  it('needs the value of every parameter', async () => {
    const session = await trained('bert', 'context');
    const values = layout(session.parameters).named(await session.read());
    const missing = new Map([...values].filter(([name]) => name !== 'layer.1.adapter.bias'));
    expect(() => foldAdapters(session.compiled, missing)).toThrow(
      expect.objectContaining({ code: 'PARAMETER_MISSING' }),
    );
    const short = new Map(values).set('layer.1.adapter.bias', new Float32Array(3));
    expect(() => foldAdapters(session.compiled, short)).toThrow(expect.objectContaining({ code: 'PARAMETER_MISSING' }));
  });
});
