import { describe, expect, it } from 'vitest';
import { adamw, clipGradient, initialOptimizer } from '../src/index.js';
import { failure } from './support/failure.js';

describe('adamw', () => {
  // torch.optim.AdamW of PyTorch 2.13 in float64, weight decay 0.01, learning rates 0, 0.1, 0.05
  const gradients = [
    [0.1, -0.2, 0, 3],
    [0.5, 0.5, -1e-3, -2],
    [-0.3, 0.1, 1e-4, 0.25],
  ];
  const rates = [0, 0.1, 0.05];
  const expected = [
    [1, -2, 0.5, 0],
    [0.912895376180786, -2.0422215252172333, 0.5739126302663101, -0.014452052914956015],
    [0.8999625174497808, -2.063839256343287, 0.5990635634535626, -0.02222840979878305],
  ];

  it('makes the steps of PyTorch; a learning rate of 0 still moves the moments', () => {
    const values = new Float32Array([1, -2, 0.5, 0]);
    let state = initialOptimizer(['adapter'], 4);
    for (const [i, gradient] of gradients.entries()) {
      state = adamw(values, Float32Array.from(gradient), state, {
        learningRate: rates[i] as number,
        weightDecay: 0.01,
      });
      // three float32 roundings of values of size 2, and moments rounded to 24 bits
      values.forEach((value, k) => expect(Math.abs(value - (expected[i]?.[k] as number))).toBeLessThan(5e-7));
    }
    expect(state.step).toBe(3);
    [0.0231, 0.0388, -8e-5, 0.088].forEach((m, k) => expect(state.first[k]).toBeCloseTo(m, 7));
    [0.00034973, 0.00029967, 1.009e-9, 0.013040509].forEach((v, k) => expect(state.second[k]).toBeCloseTo(v, 9));
  });

  it('refuses vectors of different length', async () => {
    expect(
      (
        await failure(() =>
          adamw(new Float32Array(3), new Float32Array(2), initialOptimizer([], 3), { learningRate: 1 }),
        )
      ).code,
    ).toBe('OPTIMIZER_SHAPE');
    expect(
      (
        await failure(() =>
          adamw(new Float32Array(3), new Float32Array(3), initialOptimizer([], 2), { learningRate: 1 }),
        )
      ).code,
    ).toBe('OPTIMIZER_SHAPE');
  });
});

describe('clipGradient', () => {
  it('scales as clip_grad_norm_ does and leaves small gradients alone', () => {
    const large = new Float32Array([3, 4]);
    expect(clipGradient(large, 1)).toBe(5);
    expect(large[0]).toBeCloseTo(0.5999999046325684, 7);
    expect(large[1]).toBeCloseTo(0.7999998331069946, 7);
    const small = new Float32Array([0.3, 0.4]);
    clipGradient(small, 1);
    expect(small).toEqual(new Float32Array([0.3, 0.4]));
  });
});
