import { describe, expect, it } from 'vitest';
import { loadModel } from '../src/index.js';
import { relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

const split = tinySplit('train', 40);
const [small, large] = [
  split.batch(Int32Array.of(0, 2, 13)),
  split.batch(Int32Array.from({ length: 24 }, (_, row) => row)),
];

describe('a budget for what a step keeps', () => {
  it.each([0, 100_000, 1e9])(
    'of %i bytes changes no gradient, for a larger batch after a smaller one either',
    async (maxActivationBytes) => {
      const [plain, budgeted] = [
        await loadModel({ graph: tinyBert() }, { numLabels: 3 }),
        await loadModel({ graph: tinyBert() }, { numLabels: 3, maxActivationBytes }),
      ];
      for (const batch of [small, large, small]) {
        const [found, expected] = [
          await budgeted.gradients(batch, ['adapter', 'norm']),
          await plain.gradients(batch, ['adapter', 'norm']),
        ];
        expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
        expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(1e-5);
      }
      await Promise.all([plain.dispose(), budgeted.dispose()]);
    },
  );
});
