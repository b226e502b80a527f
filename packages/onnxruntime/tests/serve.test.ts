import { readFileSync } from 'node:fs';
import { normal, type Batch, type Files } from '@hadamard-adapter/core';
import { concatChunks, readModel, type Graph } from '@hadamard-adapter/graph/internal';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import { describe, expect, it } from 'vitest';
import { BASE_ADAPTER, createServer, loadModel, saveAdapter } from '../src/index.js';
import { failure } from './support/failure.js';
import { relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

const split = tinySplit('serve', 8);
const batch = split.batch(Int32Array.from({ length: 8 }, (_, row) => row));

interface Trained {
  readonly files: Files;
  /** Logits of every row of `on`, by the session itself. */
  readonly logits: Float32Array;
  readonly labels: number;
}

/** An adapter with values of its own everywhere, and what it answers. */
async function adapter(graph: Graph, options: SessionOptions, seed: number, on: Batch = batch): Promise<Trained> {
  const session = await loadModel({ graph }, options);
  const values = await session.read();
  await session.write(values.map((value, i) => value + 0.2 * (normal(values.length, 1, seed, 'adapter')[i] as number)));
  const [files, logits] = [await saveAdapter(session, { baseModel: 'tiny', labels: [] }), await session.predict(on)];
  await session.dispose();
  return { files, logits, labels: options.numLabels };
}

const rowOf = ({ logits, labels }: Trained, row: number): Float32Array =>
  logits.slice(row * labels, (row + 1) * labels);

/** Float32 sums in another order: some units in the last place of numbers near 1. */
const TOLERANCE = 1e-5;

function same(found: Float32Array | undefined, expected: Float32Array): void {
  expect(relativeDifference(found ?? new Float32Array(0), expected)).toBeLessThan(TOLERANCE);
}

describe('a server', () => {
  it('answers with the adapter that is active, and changes it without a session', async () => {
    const trained = {
      first: await adapter(tinyBert(), { numLabels: 3 }, 1),
      second: await adapter(tinyBert(), { numLabels: 2 }, 2),
    };
    const server = await createServer({ graph: tinyBert() });
    for (const [name, { files }] of Object.entries(trained)) await server.addAdapter(name, files);
    expect(server.adapters.toSorted()).toEqual(['first', 'second']);
    expect(await failure(() => server.predict(batch))).toMatchObject({ code: 'ADAPTER_NONE' });
    for (const name of ['first', 'second', 'first'] as const) {
      await server.setAdapter(name);
      const rows = await server.predict(batch);
      rows.forEach((row, i) => same(row, rowOf(trained[name], i)));
    }
    await server.dispose();
  });

  it.each<[string, Partial<SessionOptions>[]]>([
    [
      'of different layers, norms and numbers of labels',
      [{}, { layers: [1], numLabels: 5 }, { layers: [0, 2], norm: 'output', numLabels: 1 }, { norm: 'none' }],
    ],
    ['at the other site', [{ site: 'output' }, { site: 'output', norm: 'both', layers: [2] }]],
    ['with a dense layer in the classifier', [{ head: 'tanh' }, { head: 'tanh', numLabels: 2 }]],
    ['on the mean of all tokens', [{ pooling: 'mean' }, { pooling: 'mean', layers: [0] }]],
    [
      'on the last token',
      [
        { pooling: 'last', head: 'tanh' },
        { pooling: 'last', head: 'tanh', numLabels: 4 },
      ],
    ],
  ])('mixes adapters %s in one batch', async (_, kinds) => {
    const trained = await Promise.all(kinds.map((options, i) => adapter(tinyBert(), { numLabels: 3, ...options }, i)));
    const server = await createServer({ graph: tinyBert() });
    for (const [i, { files }] of trained.entries()) await server.addAdapter(`a${i}`, files);
    const of = (row: number): number => (row * 3) % trained.length;
    const rows = await server.predict(batch, { adapterNames: Array.from({ length: 8 }, (__, row) => `a${of(row)}`) });
    rows.forEach((row, i) => same(row, rowOf(trained[of(i)] as Trained, i)));
    await server.dispose();
  });

  it.each([
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
  ])('serves %s', async (family) => {
    const read = (name: string): Uint8Array =>
      new Uint8Array(readFileSync(new URL(`../../conformance-fixtures/fixtures/${family}/${name}`, import.meta.url)));
    const config: unknown = JSON.parse(new TextDecoder().decode(read('config.json')));
    const graph = (): Graph => readEncoder(read('model.onnx'), { config });
    const [first, second] = [
      await adapter(graph(), { numLabels: 3 }, 1),
      await adapter(graph(), { numLabels: 2, layers: [1] }, 2),
    ];
    const server = await createServer({ graph: graph() });
    await server.addAdapter('first', first.files);
    await server.addAdapter('second', second.files);
    await server.setAdapter('second');
    (await server.predict(batch)).forEach((row, i) => same(row, rowOf(second, i)));
    const names = ['first', 'second', 'second', 'first', 'second', 'first', 'first', 'second'];
    (await server.predict(batch, { adapterNames: names })).forEach((row, i) =>
      same(row, rowOf(names[i] === 'first' ? first : second, i)),
    );
    await server.dispose();
  });

  it('keeps calls apart that are made at once', async () => {
    const trained = await Promise.all([1, 2, 3].map((seed) => adapter(tinyBert(), { numLabels: 3 }, seed)));
    const server = await createServer({ graph: tinyBert() });
    await Promise.all(trained.map(({ files }, i) => server.addAdapter(`a${i}`, files)));
    const calls: Promise<Float32Array[]>[] = [];
    for (const i of [0, 1, 2]) {
      await server.setAdapter(`a${i}`);
      calls.push(
        server.predict(batch),
        server.predict(batch, { adapterNames: Array.from({ length: 8 }, (_, row) => `a${(row + i) % 3}`) }),
      );
    }
    const answers = await Promise.all(calls);
    for (const i of [0, 1, 2]) {
      answers[2 * i]?.forEach((row, r) => same(row, rowOf(trained[i] as Trained, r)));
      answers[2 * i + 1]?.forEach((row, r) => same(row, rowOf(trained[(r + i) % 3] as Trained, r)));
    }
    await server.dispose();
  });

  it('lets the adapter leave that was used longest ago, and loads it again', async () => {
    const trained: Record<string, Trained> = {};
    for (const [i, name] of ['a', 'b', 'c'].entries()) trained[name] = await adapter(tinyBert(), { numLabels: 3 }, i);
    const probe = await createServer({ graph: tinyBert() });
    await probe.addAdapter('a', (trained['a'] as Trained).files);
    const maxBytes = 2 * probe.bytes;
    await probe.dispose();

    const strict = await createServer({ graph: tinyBert() }, { maxBytes });
    for (const [name, { files }] of Object.entries(trained)) await strict.addAdapter(name, files);
    expect(strict.adapters.toSorted()).toEqual(['b', 'c']);
    expect(await failure(() => strict.setAdapter('a'))).toMatchObject({ code: 'ADAPTER_EVICTED' });
    expect(await failure(() => strict.setAdapter('z'))).toMatchObject({ code: 'ADAPTER_UNKNOWN' });
    await strict.dispose();

    const loads: string[] = [];
    const lenient = await createServer(
      { graph: tinyBert() },
      {
        maxBytes,
        load: async (name) => {
          loads.push(name);
          return (trained[name] as Trained).files;
        },
      },
    );
    for (const name of ['a', 'b', 'c', 'a']) {
      await lenient.setAdapter(name);
      (await lenient.predict(batch)).forEach((row, i) => same(row, rowOf(trained[name] as Trained, i)));
    }
    expect(loads).toEqual(['a', 'b', 'c', 'a']);
    expect(lenient.bytes).toBeLessThanOrEqual(maxBytes);
    await lenient.dispose();
  });

  it('answers with the adapter that was chosen last, however long another loads; says when there is none', async () => {
    const { files } = await adapter(tinyBert(), { numLabels: 3 }, 1);
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const server = await createServer(
      { graph: tinyBert() },
      {
        load: async (name) => {
          if (name === 'slow') await slow;
          return name === 'nowhere' ? undefined : files;
        },
      },
    );
    const waiting = server.setAdapter('slow');
    await server.setAdapter('fast');
    release();
    await waiting;
    expect(server.activeAdapter).toBe('fast');
    expect(await failure(() => server.setAdapter('nowhere'))).toMatchObject({ code: 'ADAPTER_UNKNOWN' });
    await server.dispose();
  });

  it('refuses what cannot be served together, and what is wrong', async () => {
    const base = await adapter(tinyBert(), { numLabels: 3 }, 1);
    const server = await createServer({ graph: tinyBert() });
    await server.addAdapter('base', base.files);
    const add = async (options: SessionOptions, graph = tinyBert()) =>
      failure(async () => server.addAdapter('other', (await adapter(graph, options, 2)).files));
    expect(await add({ numLabels: 3, site: 'output' })).toMatchObject({ code: 'ADAPTER_SITE_MISMATCH' });
    expect(await add({ numLabels: 3, pooling: 'first' })).toMatchObject({ code: 'ADAPTER_HEAD_MISMATCH' });
    expect(await add({ numLabels: 3, head: 'tanh' })).toMatchObject({ code: 'ADAPTER_HEAD_MISMATCH' });
    expect(await add({ numLabels: 3 }, tinyBert(2))).toMatchObject({ code: 'ADAPTER_BASE_MISMATCH' });
    expect(await failure(() => server.addAdapter('broken', {}))).toMatchObject({ code: 'ADAPTER_FILE_MISSING' });
    expect(await failure(() => server.predict(batch, { adapterNames: ['base'] }))).toMatchObject({
      code: 'ADAPTER_NAMES',
    });
    expect(server.adapters).toEqual(['base']);
    const small = await createServer({ graph: tinyBert() }, { maxBytes: 100 });
    expect(await failure(() => small.addAdapter('base', base.files))).toMatchObject({ code: 'ADAPTER_TOO_LARGE' });
    await small.dispose();

    expect(server.removeAdapter('base')).toBe(true);
    expect(server.removeAdapter('base')).toBe(false);
    await server.dispose();
    expect(await failure(() => server.predict(batch))).toMatchObject({ code: 'MODEL_DISPOSED' });
  });
});

describe('other answers of a server', () => {
  it('are hidden states, of adapters mixed with the base, as if the rows were run one at a time', async () => {
    const trained = await adapter(tinyBert(), { numLabels: 1, head: 'cosine' }, 1, { ...batch, pairs: true });
    const server = await createServer({ graph: tinyBert() });
    server.disableAdapter();
    expect(server.activeAdapter).toBe(BASE_ADAPTER);
    const plain = await server.encode(batch);
    await server.addAdapter('a', trained.files);
    await server.setAdapter('a');
    const adapted = await server.encode(batch);
    const session = await loadModel({ graph: tinyBert() }, { numLabels: 2 });
    const hidden = await session.encode(batch);
    plain.forEach((row, i) => same(row, hidden.slice(i * row.length, (i + 1) * row.length)));
    const names = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 'a' : BASE_ADAPTER));
    const mixed = await server.encode(batch, { adapterNames: names });
    mixed.forEach((row, i) => same(row, (i % 2 === 0 ? adapted : plain)[i] as Float32Array));
    expect(relativeDifference(mixed[0] as Float32Array, plain[0] as Float32Array)).toBeGreaterThan(0.01);
    expect(await failure(() => server.predict(batch))).toMatchObject({ code: 'LOGITS_NONE' });
    await server.dispose();
    await session.dispose();
  });

  it('are logits for each token, with as many labels as the adapter of the row has', async () => {
    const options = { loss: 'token-cross-entropy' } as const;
    const trained = {
      two: await adapter(tinyBert(), { ...options, numLabels: 2 }, 1),
      five: await adapter(tinyBert(), { ...options, numLabels: 5 }, 2),
    };
    const server = await createServer({ graph: tinyBert() });
    for (const [name, { files }] of Object.entries(trained)) await server.addAdapter(name, files);
    const names = Array.from({ length: 8 }, (_, i) => (i % 3 === 0 ? 'two' : 'five') as keyof typeof trained);
    const rows = await server.predict(batch, { adapterNames: names });
    rows.forEach((row, i) => {
      const { logits } = trained[names[i] as keyof typeof trained];
      const width = logits.length / 8;
      expect(row).toHaveLength(width);
      same(row, logits.slice(i * width, (i + 1) * width));
    });
    expect(
      await failure(() =>
        server.predict(batch, { adapterNames: names.map((name, i) => (i === 0 ? BASE_ADAPTER : name)) }),
      ),
    ).toMatchObject({ code: 'BASE_HEAD' });
    await server.dispose();
  });

  it('are those of the base with its own classifier, where it has one', async () => {
    const session = await loadModel({ graph: tinyBert() }, { numLabels: 3, pooling: 'mean' });
    const classifier = readModel(concatChunks(await session.fold()));
    const server = await createServer({ graph: classifier });
    server.disableAdapter();
    const expected = await session.predict(batch);
    (await server.predict(batch)).forEach((row, i) => same(row, expected.slice(3 * i, 3 * i + 3)));
    const plain = await createServer({ graph: tinyBert() });
    plain.disableAdapter();
    expect(await failure(() => plain.predict(batch))).toMatchObject({ code: 'MODEL_HEAD' });
    expect(await failure(() => plain.addAdapter(BASE_ADAPTER, {}))).toMatchObject({ code: 'ADAPTER_NAME' });
    await Promise.all([server.dispose(), plain.dispose(), session.dispose()]);
  });
});

describe('a classifier of tokens that a model came with', () => {
  it('goes on being trained, and is folded with spans under their own names', async () => {
    const first = await loadModel({ graph: tinyBert() }, { numLabels: 3, loss: 'token-cross-entropy' });
    const base = readModel(concatChunks(await first.fold()));
    const again = await loadModel({ graph: base }, { numLabels: 3, loss: 'token-cross-entropy', head: 'model' });
    same(await again.predict(batch), await first.predict(batch));
    expect(
      again.parameters
        .filter(({ group }) => group === 'classifier')
        .map(({ shape }) => shape.reduce((a, b) => a * b, 1))
        .toSorted((a, b) => a - b),
    ).toEqual([3, 3 * 16]);
    await expect(loadModel({ graph: base }, { numLabels: 3, head: 'model' })).rejects.toMatchObject({
      code: 'HEAD_LOSS',
    });
    const spans = await loadModel({ graph: tinyBert() }, { numLabels: 2, loss: 'span-cross-entropy' });
    expect(readModel(concatChunks(await spans.fold())).outputs.map(({ name, dims }) => [name, dims.length])).toEqual([
      ['start_logits', 2],
      ['end_logits', 2],
      ['last_hidden_state', 3],
    ]);
    await Promise.all([first.dispose(), again.dispose(), spans.dispose()]);
  });
});
