import { METRICS, train, twoStage } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { loadModel, saveAdapter, loadAdapter } from '../src/index.js';
import { int8BitsFor } from '../src/arithmetic.js';
import { nodePlatform } from '../src/devices/node.js';
import { failure } from './support/failure.js';
import { relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

const split = tinySplit('train', 24);
const batch = split.batch(Int32Array.from({ length: 24 }, (_, row) => row));

describe('arithmetic of products with frozen weights', () => {
  it('int8 trains and predicts close to float32, and its adapters are adapters of the same base', async () => {
    const [exact, rounded] = [
      await loadModel({ graph: tinyBert() }, { numLabels: 3 }),
      await loadModel({ graph: tinyBert() }, { numLabels: 3, arithmetic: 'int8' }),
    ];
    const [expected, found] = [
      await exact.gradients(batch, ['adapter', 'norm']),
      await rounded.gradients(batch, ['adapter', 'norm']),
    ];
    expect(found.loss).not.toBe(expected.loss);
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(0.02);
    // Two roundings of 1/127 for each of the six products that a gradient comes through.
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(0.1);
    const plan = twoStage({
      classifier: { batchSize: 8, epochs: 1, learningRate: 1e-2 },
      adapter: { batchSize: 8, epochs: 2, learningRate: 1e-2 },
      seed: 0,
    });
    const losses: number[] = [];
    for await (const event of train(rounded, { train: split, dev: split }, plan, { metric: METRICS.accuracy }))
      if (event.type === 'step') losses.push(event.loss);
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    await loadAdapter(exact, await saveAdapter(rounded, { baseModel: 'tiny', labels: [] }));
    expect(relativeDifference(await exact.predict(batch), await rounded.predict(batch))).toBeLessThan(0.1);
    await Promise.all([exact.dispose(), rounded.dispose()]);
  });

  it('fastest is one of the two, and says which by the bits of a weight', async () => {
    const device = await nodePlatform.open('cpu', { threads: 1 });
    expect(await int8BitsFor(device)).toBeUndefined();
    expect([undefined, 7, 8]).toContain(await int8BitsFor(device, 'fastest'));
    expect([7, 8]).toContain(await int8BitsFor(device, 'int8'));
  });

  it('a device whose products are not the processor’s has float32 only', async () => {
    const device = { ...(await nodePlatform.open('cpu', {})), name: 'webgpu' };
    expect(await int8BitsFor(device, 'fastest')).toBeUndefined();
    expect(await failure(int8BitsFor(device, 'int8'))).toMatchObject({ code: 'ARITHMETIC_DEVICE' });
  });

  it('an unknown arithmetic is refused before a model is read', async () => {
    expect(
      await failure(loadModel({ model: new Uint8Array(3) }, { numLabels: 2, arithmetic: 'int4' as never })),
    ).toMatchObject({ code: 'ARITHMETIC_UNKNOWN' });
  });
});
