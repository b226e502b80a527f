import { describe, expect, it } from 'vitest';
import { argmax, referenceLoss, sigmoid, softmax, targetMatrix } from '../src/index.js';
import { failure } from './support/failure.js';

const logits = new Float64Array([1, -2, 0.5, 0.1, 0.2, 30]);
const targets = new Float64Array([0, 1, 0.5, 1, 0, 1]);

describe('reference losses agree with PyTorch in float64', () => {
  // torch.nn.functional of PyTorch 2.13
  it.each([
    [
      'cross-entropy',
      new Float64Array([0, 0, 1, 1, 0, 0]),
      15.452298451171249,
      [
        0.3018744480743129, 0.015029443784787011, -0.3169038918590999, -0.49999999999994826, 5.71471325198093e-14,
        0.4999999999998912,
      ],
    ],
    ['mse', targets, 141.975, [1 / 3, -1, 0, -0.3, 0.2 / 3, 29 / 3]],
    [
      'bce',
      targets,
      0.9344670353660932,
      [
        0.12184309643833414, -0.14679951299631375, 0.020409888533642433, -0.07917013542017666, 0.09163899955207966,
        -1.5580129778906365e-14,
      ],
    ],
  ] as const)('%s', (loss, target, value, gradient) => {
    const result = referenceLoss(loss, logits, target, 3);
    expect(result.loss).toBeCloseTo(value, 12);
    gradient.forEach((slope, i) => expect(result.gradient[i]).toBeCloseTo(slope, 12));
  });

  it('stay finite at extreme logits', () => {
    const extreme = new Float64Array([1e30, -1e30]);
    for (const loss of ['cross-entropy', 'bce'] as const)
      expect(referenceLoss(loss, extreme, new Float64Array([0, 1]), 2).loss).toBeGreaterThan(1e29);
  });

  it('refuse sizes that do not fit', async () => {
    expect((await failure(() => referenceLoss('mse', logits, targets.slice(1), 3))).code).toBe('TARGET_COUNT');
    expect((await failure(() => referenceLoss('mse', logits, targets, 4))).code).toBe('TARGET_COUNT');
  });
});

describe('targetMatrix', () => {
  it('makes one-hot rows for classes and copies targets otherwise', () => {
    expect(targetMatrix(new Float32Array([1, 0, 2]), 'cross-entropy', 3, { batch: 3, sequence: 1 })).toEqual(
      new Float32Array([0, 1, 0, 1, 0, 0, 0, 0, 1]),
    );
    expect(targetMatrix(new Float32Array([2.5, -1]), 'mse', 1, { batch: 2, sequence: 1 })).toEqual(
      new Float32Array([2.5, -1]),
    );
    expect(targetMatrix(new Float32Array([1, 0, 0, 0.5]), 'bce', 2, { batch: 2, sequence: 1 })).toEqual(
      new Float32Array([1, 0, 0, 0.5]),
    );
  });

  it.each([
    ['TARGET_COUNT', [0, 1], 'cross-entropy', 2, 3],
    ['TARGET_COUNT', [0, 1], 'bce', 2, 2],
    ['TARGET_NOT_FINITE', [0, NaN], 'mse', 1, 2],
    ['TARGET_NOT_FINITE', [Infinity], 'cross-entropy', 2, 1],
    ['LABEL_OUT_OF_RANGE', [0, 2], 'cross-entropy', 2, 2],
    ['LABEL_OUT_OF_RANGE', [-1], 'cross-entropy', 2, 1],
    ['LABEL_OUT_OF_RANGE', [0.5], 'cross-entropy', 2, 1],
    ['TARGET_OUT_OF_RANGE', [1.5], 'bce', 1, 1],
  ] as const)('refuses with %s: %j for %s', async (code, labels, loss, numLabels, batch) => {
    expect(
      (await failure(() => targetMatrix(Float32Array.from(labels), loss, numLabels, { batch, sequence: 1 }))).code,
    ).toBe(code);
  });
});

describe('logits to answers', () => {
  it('argmax takes the first of equals', () => {
    expect([...argmax(new Float32Array([1, 3, 3, 0, 0, 0]), 3)]).toEqual([1, 0]);
  });

  it('softmax and sigmoid do not overflow', () => {
    expect([...softmax(new Float32Array([1000, 1000, -1000, 0]), 2)]).toEqual([0.5, 0.5, 0, 1]);
    expect([sigmoid(0), sigmoid(1000), sigmoid(-1000)]).toEqual([0.5, 1, 0]);
    expect(sigmoid(-2)).toBeCloseTo(1 - sigmoid(2), 15);
  });
});
