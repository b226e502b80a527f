import { IGNORED, METRICS, train, twoStage, type Checkpoint } from '@hadamard-adapter/core';
import { loadModel as loadOrt } from '@hadamard-adapter/onnxruntime';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAdapter, loadModel, saveAdapter } from '../src/index.js';
import { failure, relativeDifference, tf, tinyBert, tinySplit } from './support/node.js';

const split = tinySplit('train', 24);
const batch = split.batch(Int32Array.of(0, 5, 9, 14));
const settings = { groups: ['adapter', 'norm'], learningRate: 1e-2 } as const;
const load = (options: Partial<Parameters<typeof loadModel>[1]> = {}): ReturnType<typeof loadModel> =>
  loadModel({ graph: tinyBert() }, { tf, device: 'wasm', numLabels: 3, ...options });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('two gradients, ours by ONNX Runtime and that of tf.variableGrads', () => {
  it.each([
    {},
    { site: 'output' as const },
    { norm: 'both' as const },
    { layers: [2] },
    { pooling: 'mean' as const },
    { head: 'tanh' as const },
    { trainBase: true },
  ])('agree with %o', async (options) => {
    const [mine, other] = [await load(options), await loadOrt({ graph: tinyBert() }, { numLabels: 3, ...options })];
    const groups =
      options.trainBase === true
        ? (['classifier', 'adapter', 'norm', 'base'] as const)
        : (['classifier', 'adapter', 'norm'] as const);
    const [found, expected] = [await mine.gradients(batch, groups), await other.gradients(batch, groups)];
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
    // Sums in another order.
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(2e-5);
    await Promise.all([mine.dispose(), other.dispose()]);
  });
});

describe('heads for tokens and for pairs', () => {
  const tokens = {
    ...batch,
    labels: Float32Array.from(batch.attentionMask, (isToken, i) => (isToken === 1 && i % 2 === 0 ? i % 3 : IGNORED)),
  };
  const cases = [
    ['classes of tokens', { loss: 'token-cross-entropy' }, tokens],
    [
      'spans',
      { loss: 'span-cross-entropy', numLabels: 2 },
      { ...batch, labels: Float32Array.of(0, 1, 1, 1, 0, 0, 1, 1) },
    ],
    ['pairs', { head: 'cosine', numLabels: 1 }, { ...batch, pairs: true, labels: Float32Array.of(0.2, 0.9) }],
  ] as const;

  it.each(cases)('agree with ONNX Runtime: %s', async (_, options, labelled) => {
    const [mine, other] = [await load(options), await loadOrt({ graph: tinyBert() }, { numLabels: 3, ...options })];
    const [found, expected] = [
      await mine.gradients(labelled, ['classifier', 'adapter', 'norm']),
      await other.gradients(labelled, ['classifier', 'adapter', 'norm']),
    ];
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(2e-5);
    expect(relativeDifference(await mine.predict(labelled), await other.predict(labelled))).toBeLessThan(1e-5);
    await mine.warmUp({ batch: 2, sequence: 5 });
    await Promise.all([mine.dispose(), other.dispose()]);
  });
});

describe('adapters go from one runtime to the other', () => {
  it('with the same logits', async () => {
    const [mine, other] = [await load(), await loadOrt({ graph: tinyBert() }, { numLabels: 3 })];
    for (let step = 0; step < 3; step++)
      await mine.step([batch], { ...settings, groups: ['classifier', 'adapter', 'norm'] });
    await loadAdapter(other, await saveAdapter(mine, { baseModel: 'tiny', labels: [] }));
    expect(relativeDifference(await other.predict(batch), await mine.predict(batch))).toBeLessThan(1e-5);
    for (let step = 0; step < 3; step++) await other.step([batch], settings);
    await loadAdapter(mine, await saveAdapter(other, { baseModel: 'tiny', labels: [] }));
    expect(relativeDifference(await mine.predict(batch), await other.predict(batch))).toBeLessThan(1e-5);
    await Promise.all([mine.dispose(), other.dispose()]);
  });
});

describe("core's schedule and loop", () => {
  const plan = twoStage({
    classifier: { batchSize: 8, epochs: 2, learningRate: 1e-2 },
    adapter: { batchSize: 8, epochs: 2, learningRate: 1e-2 },
    seed: 0,
  });

  it('drive it, and a run that was cut off ends like one that was not', async () => {
    const [whole, cut, resumed] = [await load(), await load(), await load()];
    const data = { train: split, dev: split };
    for await (const _ of train(whole, data, plan, { metric: METRICS.accuracy }));
    let kept: Checkpoint | undefined;
    for await (const event of train(cut, data, plan, { metric: METRICS.accuracy, checkpointEvery: 4 })) {
      if (event.type !== 'checkpoint') continue;
      kept = event.checkpoint;
      break;
    }
    expect(kept).toBeDefined();
    for await (const _ of train(resumed, data, plan, { metric: METRICS.accuracy, resume: kept as Checkpoint }));
    expect(await resumed.read()).toEqual(await whole.read());
    await Promise.all([whole.dispose(), cut.dispose(), resumed.dispose()]);
  });
});

describe('memory', () => {
  const isGivenBack = async (steps: number): Promise<void> => {
    const before = tf.memory();
    const model = await load();
    const shapes = [1, 2, 5, 11].map((rows) => split.batch(Int32Array.from({ length: rows }, (_, row) => row)));
    const turn = async (step: number): Promise<void> => {
      await model.step([shapes[step % shapes.length] as typeof batch], settings);
      if (step % 10 === 0) await model.predict(shapes[step % shapes.length] as typeof batch);
    };
    for (let step = 0; step < 11; step++) await turn(step);
    const { numTensors, numBytes } = tf.memory();
    expect(numTensors).toBeGreaterThan(before.numTensors);
    for (let step = 0; step < steps; step++) await turn(step);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    await model.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
  };
  it('is the same after 60 steps and predictions of changing shapes, and all of it is given back', () =>
    isGivenBack(60));
  it('is the same after 500 steps', { tags: ['all'] }, () => isGivenBack(500));

  it('holds the weights once, for a step, a prediction and hidden states', async () => {
    const model = await load();
    await model.step([batch], settings);
    const { numBytes } = tf.memory();
    await model.predict(batch);
    await model.encode(batch);
    // What is left of other graphs are shapes and masks; the weights are some 30 KB.
    expect(tf.memory().numBytes - numBytes).toBeLessThan(2000);
    await model.dispose();
  });
});

describe('a session', () => {
  it('leaves the active backend as it was', async () => {
    const model = await load();
    await model.gradients(batch, ['adapter']);
    await model.predict(batch);
    expect(tf.getBackend()).toBe('cpu');
    await model.dispose();
  });

  it('takes several calls at once, on several backends', async () => {
    const [wasm, cpu] = [await load(), await load({ device: 'cpu' })];
    const expected = await wasm.predict(batch);
    const results = await Promise.all([
      wasm.predict(batch),
      cpu.predict(batch),
      wasm.gradients(batch, ['adapter']),
      cpu.gradients(batch, ['adapter']),
      wasm.predict(batch),
    ]);
    expect(results[0]).toEqual(expected);
    expect(results[4]).toEqual(expected);
    expect(relativeDifference(results[1], expected)).toBeLessThan(1e-5);
    expect(relativeDifference(results[3].gradients, results[2].gradients)).toBeLessThan(2e-5);
    await Promise.all([wasm.dispose(), cpu.dispose()]);
  });

  it('warms up, and says how far it is', async () => {
    const model = await load();
    const shares: number[] = [];
    await model.warmUp({ batch: 2, sequence: 8 }, (share) => shares.push(share));
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    await model.dispose();
  });

  it('throws once it is disposed', async () => {
    const model = await load();
    await model.dispose();
    expect(await failure(model.predict(batch))).toMatchObject({ code: 'MODEL_DISPOSED' });
    expect(await failure(model.step([batch], settings))).toMatchObject({ code: 'MODEL_DISPOSED' });
  });
});
