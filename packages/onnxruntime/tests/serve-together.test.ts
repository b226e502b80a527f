import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type Files } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import { createServer, type AdapterServer, type OrtModule, type ServerOptions } from '../src/index.js';
import { failure } from './support/failure.js';
import { makeAdapter, packagedGraph, rowsOf, withOwnHead, type MadeAdapter } from './support/adapters.js';
import { relativeDifference, tinyBert } from './support/tiny.js';

/** Sums in another order: some units in the last place of float32, through a few layers. */
const TOLERANCE = 1e-5;

function expectRows(found: readonly Float32Array[], expected: readonly (Float32Array | undefined)[]): void {
  expect(found.map(({ length }) => length)).toEqual(expected.map((row) => row?.length));
  found.forEach((row, i) =>
    expect(relativeDifference(row, expected[i] as Float32Array), `row ${i}`).toBeLessThan(TOLERANCE),
  );
}

async function serve(
  graph: Graph,
  adapters: readonly MadeAdapter[],
  options: ServerOptions = {},
): Promise<AdapterServer> {
  const server = await createServer({ graph }, { threads: 1, ...options });
  for (const [i, { files }] of adapters.entries()) await server.addAdapter(`a${i}`, files);
  if (adapters.length > 0) await server.setAdapter('a0');
  return server;
}

/** Different layers, norms and numbers of labels over one base. */
async function threeAdapters(graph: Graph, common: Omit<SessionOptions, 'numLabels'>): Promise<MadeAdapter[]> {
  const batch = rowsOf(5);
  return [
    await makeAdapter(graph, { ...common, numLabels: 2 }, 1, batch),
    await makeAdapter(graph, { ...common, numLabels: 4, norm: 'both', layers: [1] }, 2, batch),
    await makeAdapter(graph, { ...common, numLabels: 3, norm: 'output', layers: [0] }, 3, batch),
  ];
}

/**
 * Every row of a batch with an adapter of its own, and each adapter for the whole batch, must answer what its own
 * session answers.
 */
async function expectServed(graph: Graph, adapters: readonly MadeAdapter[]): Promise<void> {
  const server = await serve(graph, adapters);
  const order = [2, 0, 1, 0, 2];
  const mixed = await server.predict(rowsOf(5), { adapterNames: order.map((i) => `a${i}`) });
  expectRows(
    mixed,
    order.map((i, row) => adapters[i]?.logits[row]),
  );
  for (const [i, { logits }] of adapters.entries()) {
    await server.setAdapter(`a${i}`);
    expectRows(await server.predict(rowsOf(5)), logits);
  }
  await server.dispose();
}

describe.each([
  'albert',
  'bart',
  'bert',
  'deberta',
  'deberta-v2',
  'distilbert',
  'electra',
  'modernbert',
  'roberta',
  't5-encoder',
])('%s', (family) => {
  const answersEachRow = async (common: Omit<SessionOptions, 'numLabels'>): Promise<void> => {
    const graph = packagedGraph(`${family}/model.onnx`);
    await expectServed(graph, await threeAdapters(graph, common));
  };
  it('answers each row as its adapter alone: output, tanh, mean', () =>
    answersEachRow({ site: 'output', head: 'tanh', pooling: 'mean' }));
  it('answers each row as its adapter alone: context, linear, last', { tags: family === 'bert' ? [] : ['all'] }, () =>
    answersEachRow({ site: 'context', head: 'linear', pooling: 'last' }),
  );
});

describe('other forms of a base', () => {
  it('adapters on cross-attention', async () => {
    const graph = packagedGraph('bart/model.onnx');
    await expectServed(graph, await threeAdapters(graph, { crossAttention: true, pooling: 'last' }));
  });

  it("the base's own classifier", async () => {
    const graph = withOwnHead(tinyBert());
    const batch = rowsOf(5);
    await expectServed(graph, [
      await makeAdapter(graph, { head: 'model', numLabels: 3 }, 1, batch),
      await makeAdapter(graph, { head: 'model', numLabels: 3, layers: [2] }, 2, batch),
      await makeAdapter(graph, { head: 'model', numLabels: 3, norm: 'none' }, 3, batch),
    ]);
  });

  it('float16: rounded as one adapter alone is', async () => {
    const graph = packagedGraph('bert/model.fp16.onnx');
    const adapters = await threeAdapters(graph, {});
    const server = await serve(graph, adapters);
    const found = await server.predict(rowsOf(5), { adapterNames: ['a0', 'a1', 'a2', 'a1', 'a0'] });
    // Half precision has 11 bits, and the norm is rounded once more in front of its scale.
    [0, 1, 2, 1, 0].forEach((i, row) =>
      expect(relativeDifference(found[row] as Float32Array, adapters[i]?.logits[row] as Float32Array)).toBeLessThan(
        2e-2,
      ),
    );
    await server.dispose();
  });
});

/**
 * ONNX Runtime whose sessions know whether they were released, and refuse what would crash the process; each call takes
 * some turns of the event loop.
 */
function watched(): { ort: OrtModule; created: () => number; open: () => number; wrongs: string[] } {
  const wrongs: string[] = [];
  let [created, released] = [0, 0];
  const create: OrtModule['InferenceSession']['create'] = async (model, options) => {
    created++;
    const session = await ort.InferenceSession.create(model, options);
    let [running, gone] = [0, false];
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      async run(...work: Parameters<typeof session.run>) {
        if (gone) wrongs.push('run after release');
        running++;
        await new Promise((resolve) => setTimeout(resolve, 2));
        const results = await session.run(...work);
        running--;
        return results;
      },
      async release() {
        if (running > 0) wrongs.push('release while running');
        gone = true;
        released++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      },
    } as unknown as ort.InferenceSession;
  };
  return {
    ort: { InferenceSession: { create }, Tensor: ort.Tensor as unknown as OrtModule['Tensor'] },
    created: () => created,
    open: () => created - released,
    wrongs,
  };
}

describe('while predictions run', () => {
  const graph = tinyBert();
  const batch = rowsOf(4);

  it('makes one session for all adapters, and one more for rows that differ', async () => {
    const { ort: module, created } = watched();
    const server = await serve(graph, await threeAdapters(graph, { norm: 'both' }), { ort: module });
    expect(created()).toBe(0);
    for (const name of [...server.adapters, ...server.adapters]) {
      await server.setAdapter(name);
      await server.predict(batch);
    }
    await server.predict(batch, { adapterNames: ['a1', 'a1', 'a1', 'a1'] });
    expect(created()).toBe(1);
    await server.predict(batch, { adapterNames: ['a1', 'a0', 'a1', 'a1'] });
    await server.predict(batch, { adapterNames: ['a2', 'a0', 'a1', 'a1'] });
    expect(created()).toBe(2);
    await server.dispose();
  });

  it('adds an adapter with further norms: nothing is interrupted, and sessions of before are released', async () => {
    const first = await makeAdapter(graph, { numLabels: 2, norm: 'attention' }, 1, batch);
    const second = await makeAdapter(graph, { numLabels: 2, norm: 'output' }, 2, batch);
    const { ort: module, open, wrongs } = watched();
    const server = await serve(graph, [first], { ort: module });
    expectRows(await server.predict(batch), first.logits);
    const answers: Promise<Float32Array[]>[] = [];
    const traffic = setInterval(() => answers.push(server.predict(batch)), 0);
    answers.push(server.predict(batch));
    const added = server.addAdapter('a1', second.files);
    answers.push(server.predict(batch));
    await added;
    answers.push(server.predict(batch));
    await new Promise((resolve) => setTimeout(resolve, 50));
    clearInterval(traffic);
    expect(answers.length).toBeGreaterThan(3);
    for (const answer of answers) expectRows(await answer, first.logits);
    expectRows(await server.predict(batch), first.logits);
    expectRows(
      await server.predict(batch, { adapterNames: ['a1', 'a0', 'a0', 'a1'] }),
      [1, 0, 0, 1].map((i, row) => [first, second][i]?.logits[row]),
    );
    expect(wrongs).toEqual([]);
    expect(open()).toBe(2);
    await server.dispose();
    expect(open()).toBe(0);
  });

  it('an empty batch is answered with nothing', async () => {
    const server = await serve(graph, await threeAdapters(graph, {}));
    expect(await server.predict(rowsOf(0), { adapterNames: [] })).toEqual([]);
    expect(await server.predict(rowsOf(0))).toEqual([]);
    await server.dispose();
  });

  it('disposing waits for them', async () => {
    const adapters = await threeAdapters(graph, {});
    const { ort: module, open, wrongs } = watched();
    const server = await serve(graph, adapters, { ort: module });
    await server.predict(batch);
    const running = server.predict(batch);
    // Long enough for the session to have begun.
    await new Promise((resolve) => setImmediate(resolve));
    const closing = server.dispose();
    expect(await failure(server.predict(batch))).toMatchObject({ code: 'MODEL_DISPOSED' });
    expectRows(await running, adapters[0]?.logits.slice(0, 4) ?? []);
    await closing;
    await server.dispose();
    expect(wrongs).toEqual([]);
    expect(open()).toBe(0);
    expect(await failure(server.addAdapter('b', adapters[0]?.files as Files))).toMatchObject({
      code: 'MODEL_DISPOSED',
    });
    expect(await failure(server.setAdapter('a0'))).toMatchObject({ code: 'MODEL_DISPOSED' });
  });

  it('what they use may be removed, and an adapter of another kind be served next', async () => {
    const first = await makeAdapter(graph, { numLabels: 2 }, 1, batch);
    const other = await makeAdapter(graph, { numLabels: 2, site: 'output', pooling: 'mean' }, 2, batch);
    const { ort: module, wrongs } = watched();
    const server = await serve(graph, [first], { ort: module });
    const running = server.predict(batch);
    server.removeAdapter('a0');
    expect(server.activeAdapter).toBeUndefined();
    await server.addAdapter('other', other.files);
    expectRows(await server.predict(batch, { adapterNames: ['other', 'other', 'other', 'other'] }), other.logits);
    expectRows(await running, first.logits);
    expect(wrongs).toEqual([]);
    await server.dispose();
  });
});

describe('an adapter that is not in memory', () => {
  const graph = tinyBert();
  const batch = rowsOf(3);

  it.each([0, 1.5, Number.NaN])('needs a memory of more than %d bytes', async (maxBytes) => {
    expect(await failure(createServer({ graph }, { maxBytes }))).toMatchObject({ code: 'ADAPTER_BUDGET' });
  });

  async function small(
    load: (name: string) => Promise<Files>,
    kinds: readonly Partial<SessionOptions>[] = [{}, {}, {}],
  ): Promise<{ server: AdapterServer; adapters: MadeAdapter[] }> {
    const adapters = await Promise.all(
      kinds.map((kind, i) => makeAdapter(graph, { numLabels: 2, ...kind }, i + 1, batch)),
    );
    const probe = await serve(graph, adapters.slice(0, 1));
    const maxBytes = 2 * probe.bytes;
    await probe.dispose();
    return { server: await serve(graph, adapters.slice(0, 1), { maxBytes, load }), adapters };
  }

  it('is read once for all who wait', async () => {
    const asked: string[] = [];
    let files: readonly Files[] = [];
    const { server, adapters } = await small(async (name) => {
      asked.push(name);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return files[Number(name.slice(1))] as Files;
    });
    files = adapters.map((each) => each.files);
    const answers = await Promise.all(
      [1, 1, 1].map((i) => server.predict(batch, { adapterNames: [`a${i}`, `a${i}`, `a${i}`] })),
    );
    for (const answer of answers) expectRows(answer, adapters[1]?.logits ?? []);
    expect(asked).toEqual(['a1']);
    await server.dispose();
  });

  it('is used even if a batch has more of them than fit, and brings norms of its own', async () => {
    let files: readonly Files[] = [];
    const asked: string[] = [];
    const { server, adapters } = await small(
      async (name) => {
        asked.push(name);
        return files[Number(name.slice(1))] as Files;
      },
      [{}, { norm: 'output', layers: [0] }, { norm: 'none', layers: [1] }],
    );
    files = adapters.map((each) => each.files);
    expectRows(
      await server.predict(batch, { adapterNames: ['a0', 'a1', 'a2'] }),
      [0, 1, 2].map((i) => adapters[i]?.logits[i]),
    );
    expect(asked).toEqual(['a1', 'a2']);
    await server.dispose();
  });

  it('is not kept when it was removed while it was read', async () => {
    let files: readonly Files[] = [];
    let handOver = (): void => undefined;
    const { server, adapters } = await small(async (name) => {
      await new Promise<void>((resolve) => (handOver = resolve));
      return files[Number(name.slice(1))] as Files;
    });
    files = adapters.map((each) => each.files);
    const answer = server.predict(batch, { adapterNames: ['a1', 'a0', 'a1'] });
    expect(server.removeAdapter('a1')).toBe(false);
    handOver();
    expectRows(
      await answer,
      [1, 0, 1].map((i, row) => adapters[i]?.logits[row]),
    );
    expect(server.adapters).toEqual(['a0']);
    await server.dispose();
  });

  it('is tried again after reading it has failed', async () => {
    let broken = true;
    let files: readonly Files[] = [];
    const { server, adapters } = await small(async (name) => {
      if (broken) throw new Error('disk on fire');
      return files[Number(name.slice(1))] as Files;
    });
    files = adapters.map((each) => each.files);
    await expect(server.setAdapter('a1')).rejects.toThrow('disk on fire');
    broken = false;
    await server.setAdapter('a1');
    expectRows(await server.predict(batch), adapters[1]?.logits ?? []);
    await server.dispose();
  });
});
