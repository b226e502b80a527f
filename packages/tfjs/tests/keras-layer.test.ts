import { hadamardForward } from '@hadamard-adapter/core';
import * as tf from '@tensorflow/tfjs';
import * as core from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { hadamardLayers, type KerasTf } from '../src/keras.js';
import { refused } from './support/keras.js';

const { HadamardAdapter, hadamardAdapter } = hadamardLayers(tf);

const X = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7) * 2);
const W = Float32Array.of(2, -0.5, 0.25, 1.5);
const B = Float32Array.of(0.1, 0, -3, 0.7);
const DY = Float32Array.from({ length: 24 }, (_, i) => Math.cos(i * 0.9));

function trained(): tf.layers.Layer {
  const layer = hadamardAdapter({ name: 'trained' });
  layer.build([null, 3, 4]);
  tf.tidy(() => layer.setWeights([tf.tensor1d(W), tf.tensor1d(B)]));
  return layer;
}
const symbolic = (shape: (number | null)[]): tf.SymbolicTensor => tf.input({ batchShape: shape });

describe('the layer', () => {
  it('begins as the identity, with ones in w and zeros in b', () => {
    tf.tidy(() => {
      const layer = hadamardAdapter();
      const y = layer.apply(tf.tensor3d(X, [2, 3, 4])) as tf.Tensor;
      expect(y.shape).toEqual([2, 3, 4]);
      expect([...y.dataSync()]).toEqual([...X]);
      expect(layer.weights.map(({ originalName, shape }) => [originalName.split('/').at(-1), shape])).toEqual([
        ['w', [4]],
        ['b', [4]],
      ]);
      expect(layer.getWeights().map((weight) => [...weight.dataSync()])).toEqual([
        [1, 1, 1, 1],
        [0, 0, 0, 0],
      ]);
    });
  });

  it.each([[[6, 4]], [[2, 3, 4]], [[1, 2, 3, 4]]])('computes what core computes, of shape %j', (shape) => {
    const y = tf.tidy(() => (trained().apply(tf.tensor(X, shape)) as tf.Tensor).dataSync());
    // Two roundings of numbers below 8 differ by at most 2 · 2⁻²¹ from one.
    hadamardForward(X, W, B).forEach((expected, i) => expect(y[i]).toBeCloseTo(expected, 5));
  });

  it('has the gradients of central differences, for w, b and x', () => {
    const layer = trained();
    const loss = (x: Float32Array, w: Float32Array, b: Float32Array): number =>
      hadamardForward(Float64Array.from(x), w, b).reduce((sum, y, i) => sum + y * (DY[i] as number), 0);
    const moved = (values: Float32Array, i: number, by: number): Float32Array =>
      values.map((value, k) => (k === i ? value + by : value));
    const slopes = (values: Float32Array, f: (values: Float32Array) => number): number[] =>
      [...values].map((_, i) => f(moved(values, i, 0.5)) - f(moved(values, i, -0.5)));
    tf.tidy(() => {
      const x = tf.variable(tf.tensor3d(X, [2, 3, 4]));
      const { grads } = tf.variableGrads(() =>
        tf.sum(tf.mul(layer.apply(x) as tf.Tensor, tf.tensor3d(DY, [2, 3, 4]))).asScalar(),
      );
      const [w, b] = layer.weights as [tf.LayerVariable, tf.LayerVariable];
      const expected = [
        [x.name, slopes(X, (x) => loss(x, W, B))],
        [w.name, slopes(W, (w) => loss(X, w, B))],
        [b.name, slopes(B, (b) => loss(X, W, b))],
      ] as const;
      // The loss is linear in each, so the differences are exact up to rounding: float32 sums of six products below 4.
      for (const [name, slope] of expected)
        [...(grads[name] as tf.Tensor).dataSync()].forEach((gradient, i) =>
          expect(gradient, name).toBeCloseTo(slope[i] as number, 4),
        );
      x.dispose();
    });
    layer.weights.forEach((weight) => weight.dispose());
  });

  it('goes through its config and back', () => {
    const config = hadamardAdapter({ name: 'mine', trainable: false, inputShape: [5, 4] }).getConfig();
    expect(config).toEqual({ name: 'mine', trainable: false, batchInputShape: [null, 5, 4], dtype: 'float32' });
    const again = (HadamardAdapter as unknown as tf.serialization.SerializableConstructor<tf.layers.Layer>).fromConfig(
      HadamardAdapter as never,
      config,
    );
    expect(again).toBeInstanceOf(HadamardAdapter);
    expect(again.getClassName()).toBe('HadamardAdapter');
    expect(again.getConfig()).toEqual(config);
  });

  it('is not trained when it is not trainable', () => {
    const layer = hadamardAdapter({ trainable: false });
    layer.build([null, 4]);
    expect(layer.trainableWeights).toEqual([]);
    expect(layer.nonTrainableWeights).toHaveLength(2);
    layer.trainable = true;
    expect(layer.trainableWeights).toHaveLength(2);
  });

  it('lets masks pass', () => {
    const mask = tf.tensor2d([[1, 0]], [1, 2], 'bool');
    expect(hadamardAdapter().computeMask(mask, mask)).toBe(mask);
    mask.dispose();
  });

  it.each([
    ['one axis', () => hadamardAdapter({ name: 'a' }).apply(symbolic([4])), '[4]'],
    ['an unknown last axis', () => hadamardAdapter({ name: 'a' }).apply(symbolic([null, 3, null])), '[?, 3, ?]'],
    [
      'two tensors',
      () => hadamardAdapter({ name: 'a' }).apply([symbolic([null, 4]), symbolic([null, 4])]),
      '2 tensors',
    ],
    ['other channels than before, symbolic', () => trained().apply(symbolic([null, 5])), '5 channels'],
    [
      'other channels than before, called',
      () => tf.tidy(() => trained().apply(tf.zeros([2, 1])) as tf.Tensor),
      '1 channels',
    ],
  ])('refuses %s', (_, action, found) => {
    expect(refused(action)).toMatchObject({
      name: 'MismatchError',
      code: 'ADAPTER_SHAPE',
      found: expect.stringContaining(found),
    });
  });
});

describe('the TensorFlow.js it is made for', () => {
  it('is asked once, however it was imported', () => {
    expect(hadamardLayers(tf)).toBe(hadamardLayers({ ...tf }));
  });

  it.each([
    [undefined, 'TF_MISSING'],
    [{ ...tf, version_core: '3.21.0' }, 'TF_VERSION'],
    [core, 'TF_LAYERS'],
  ])('is refused when it cannot be worked with (%#)', (given, code) => {
    expect(refused(() => hadamardLayers(given as unknown as KerasTf)).code).toBe(code);
  });
});
