import type { Group } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { loadModel, type LoadOptions } from '../src/index.js';
import { HIDDEN, relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

const split = tinySplit('train', 40);
const rows = Int32Array.of(3, 17, 29, 8, 39);
const batch = split.batch(rows);
const tokens = split.lengths.reduce((sum, length) => sum + length, 0);

const STAGES: readonly (readonly [string, Partial<LoadOptions>, readonly Group[], number])[] = [
  // Stage one keeps the pooled vector; stage two context and input of the lowest layer with an adapter, or its input
  // alone where both do not fit. Where one position is pooled, the last layer needs only that.
  ['stage one', {}, ['classifier'], 40 * HIDDEN * 4],
  [
    'stage two, adapters in the last layer, the first position pooled',
    { layers: [2], pooling: 'first' },
    ['adapter', 'norm'],
    40 * 2 * HIDDEN * 4,
  ],
  ['stage two, adapters in two layers', { layers: [1, 2] }, ['adapter', 'norm'], tokens * 2 * HIDDEN * 4],
  [
    'stage two, adapters in two layers, on the output of attention',
    { layers: [1, 2], site: 'output' },
    ['adapter', 'norm'],
    tokens * 2 * HIDDEN * 4,
  ],
  ['stage two, adapters in two layers, half the memory', { layers: [1, 2] }, ['adapter', 'norm'], tokens * HIDDEN * 4],
  ['stage two, adapters in all layers', {}, ['adapter', 'norm'], tokens * 2 * HIDDEN * 4],
  [
    'stage two, the first position pooled',
    { layers: [1, 2], pooling: 'first' },
    ['adapter', 'norm'],
    tokens * 2 * HIDDEN * 4,
  ],
  ['stage two, the last position pooled', { layers: [2], pooling: 'last' }, ['adapter', 'norm'], 40 * 2 * HIDDEN * 4],
];

describe('activations computed ahead', () => {
  it.each(STAGES)('%s: the same loss, gradients and logits as without', async (_, options, groups, bytes) => {
    const [plain, kept] = await Promise.all([
      loadModel({ graph: tinyBert() }, { numLabels: 3, ...options }),
      loadModel({ graph: tinyBert() }, { numLabels: 3, ...options }),
    ]);
    expect(await kept.precompute?.(split, groups, { maxBytes: bytes })).toBe(40);
    const [found, expected] = [await kept.gradients(batch, groups), await plain.gradients(batch, groups)];
    // Activations were computed in batches of another shape: the last bits of float32 sums may differ.
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(1e-5);
    expect(relativeDifference(await kept.predict(batch), await plain.predict(batch))).toBeLessThan(1e-5);
    await Promise.all([plain.dispose(), kept.dispose()]);
  });

  it.each(STAGES)(
    '%s: keeps what fits the budget, and computes the rest when it is asked for',
    async (_, options, groups, bytes) => {
      const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, ...options });
      const expected = await model.gradients(batch, groups);
      const some = await model.precompute?.(split, groups, { maxBytes: bytes / 3 });
      expect(some).toBeGreaterThan(5);
      expect(some).toBeLessThan(40);
      expect(relativeDifference((await model.gradients(batch, groups)).gradients, expected.gradients)).toBeLessThan(
        1e-5,
      );
      expect(await model.precompute?.(split, groups, { maxBytes: 0 })).toBe(0);
      expect(relativeDifference((await model.gradients(batch, groups)).gradients, expected.gradients)).toBeLessThan(
        1e-5,
      );
      await model.dispose();
    },
  );

  it('keeps nothing when nothing below is fixed: the whole base trained', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, trainBase: true });
    expect(await model.precompute?.(split, ['adapter', 'norm', 'base'], { maxBytes: 1e9 })).toBe(0);
    await model.dispose();
  });

  it('is not used any more once the weights below it were written', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, layers: [2] });
    await model.precompute?.(split, ['classifier'], { maxBytes: 1e9 });
    const before = await model.predict(batch);
    const adapter = await model.read(['adapter']);
    await model.write(
      adapter.map((value) => value * 1.5 + 0.1),
      ['adapter'],
    );
    const after = await model.predict(batch);
    const fresh = await loadModel({ graph: tinyBert() }, { numLabels: 3, layers: [2] });
    await fresh.write(await model.read());
    expect(relativeDifference(after, before)).toBeGreaterThan(1e-4);
    expect(relativeDifference(after, await fresh.predict(batch))).toBeLessThan(1e-5);
    await Promise.all([model.dispose(), fresh.dispose()]);
  });

  it('is not used any more once a step changed the weights below it', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    await model.precompute?.(split, ['classifier'], { maxBytes: 1e9 });
    const before = await model.predict(batch);
    await model.step([batch], { groups: ['adapter', 'norm'], learningRate: 0.1 });
    const after = await model.predict(batch);
    const fresh = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    await fresh.write(await model.read());
    expect(relativeDifference(after, before)).toBeGreaterThan(1e-3);
    expect(relativeDifference(after, await fresh.predict(batch))).toBeLessThan(1e-5);
    await Promise.all([model.dispose(), fresh.dispose()]);
  });

  it('can be stopped', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    const controller = new AbortController();
    controller.abort();
    expect(await model.precompute?.(split, ['classifier'], { maxBytes: 1e9, signal: controller.signal })).toBe(0);
    expect((await model.predict(batch)).length).toBe(15);
    await model.dispose();
  });
});
