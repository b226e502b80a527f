import { present } from '@hadamard-adapter/core/internal';
import { attentionScale, floatAttribute, intAttribute } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { dimsOf, isGiven, tensorOf, type DeviceOperator } from './operator.js';
import { roundToLevels } from './quantize.js';

/**
 * The gradient of a product that broadcasts its batch axes is not summed over them by TensorFlow.js, that of
 * broadcastTo is.
 */
const matMul: DeviceOperator = (call) => {
  const { tf } = call;
  const batch = dimsOf(call).slice(0, -2);
  const whole = (x: Tensor): Tensor =>
    x.rank === batch.length + 2 && batch.every((size, i) => size === x.shape[i])
      ? x
      : tf.broadcastTo(x, [...batch, ...x.shape.slice(-2)]);
  return tf.matMul(whole(tensorOf(call, 0)), whole(tensorOf(call, 1)));
};

/** All rows at once. */
const linear: DeviceOperator = (call) =>
  affine(call, tensorOf(call, 0), tensorOf(call, 1), 2, intAttribute(call.node, 'transB', 0) === 1);

function affine(
  call: Parameters<DeviceOperator>[0],
  x: Tensor,
  weight: Tensor,
  bias: number,
  transposed: boolean,
): Tensor {
  const { tf } = call;
  const rows = x.rank === 2 ? x : tf.reshape(x, [-1, present(x.shape.at(-1))]);
  const product = tf.matMul(rows, weight, false, transposed);
  return tf.reshape(isGiven(call, bias) ? tf.add(product, tensorOf(call, bias)) : product, dimsOf(call));
}

/** α·A′·B′ + β·C: a folded model has it where others have Linear. */
const gemm: DeviceOperator = (call) => {
  const { tf, node } = call;
  const product = tf.matMul(
    tensorOf(call, 0),
    tensorOf(call, 1),
    intAttribute(node, 'transA', 0) === 1,
    intAttribute(node, 'transB', 0) === 1,
  );
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  const scaled = alpha === 1 ? product : tf.mul(product, alpha);
  if (!isGiven(call, 2)) return scaled;
  return tf.add(scaled, beta === 1 ? tensorOf(call, 2) : tf.mul(tensorOf(call, 2), beta));
};

/**
 * The packed weight is unpacked, the input rounded as the file rounds it; the gradient passes over the rounding
 * (straight-through, Bengio et al., arXiv 1308.3432).
 */
const quantizedLinear: DeviceOperator = (call) => {
  const { tf } = call;
  const levels = tf.cast(tensorOf(call, 1), 'float32');
  const centered = isGiven(call, 3) ? tf.sub(levels, tf.cast(tensorOf(call, 3), 'float32')) : levels;
  return affine(call, roundToLevels(tf, tensorOf(call, 0)), tf.mul(centered, tensorOf(call, 2)), 4, false);
};

/** softmax(scale · q·kᵀ + bias) · v */
const attention: DeviceOperator = (call) => {
  const { tf, node } = call;
  const [query, key, value] = [tensorOf(call, 0), tensorOf(call, 1), tensorOf(call, 2)];
  const scores = tf.matMul(tf.mul(query, attentionScale(node, query.shape)), key, false, true);
  return tf.matMul(tf.softmax(isGiven(call, 3) ? tf.add(scores, tensorOf(call, 3)) : scores), value);
};

export const PRODUCTS: Readonly<Record<string, DeviceOperator>> = {
  Attention: attention,
  Gemm: gemm,
  MatMul: matMul,
  'hadamard:Linear': linear,
  'hadamard:QuantizedLinear': quantizedLinear,
};
