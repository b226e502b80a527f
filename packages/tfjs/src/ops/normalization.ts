import { UnsupportedError } from '@hadamard-adapter/core';
import { floatAttribute, intAttribute, reducedAxes, type Node } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../tf.js';
import { dimsOf, isGiven, tensorOf, valuesOf, type DeviceOperator } from './operator.js';

/** Softmaxes and norms of TensorFlow.js know the last axis. */
const LAST_AXIS: ReadonlySet<string> = new Set(['LayerNormalization', 'LogSoftmax', 'RMSNormalization', 'Softmax']);

/** @throws UnsupportedError OPERATOR_AXIS for a node that works along another axis than the last. */
export function checkAxis(node: Node, rank: number): void {
  const axis = intAttribute(node, 'axis', -1);
  if (!LAST_AXIS.has(node.op) || axis === -1 || axis === rank - 1) return;
  throw new UnsupportedError(`${node.op} "${node.name}" works on another axis than the last`, {
    code: 'OPERATOR_AXIS',
    found: `axis ${axis} of ${rank}`,
    expected: 'the last axis',
    hint: 'ONNX Runtime (@hadamard-adapter/onnxruntime) runs it.',
  });
}

/** (x − mean)/√(var + ε)·scale + shift; ε comes from the model, never from the backend, whose own is 1e-4 on WebGL. */
const layerNormalization: DeviceOperator = (call) => {
  const { tf, node } = call;
  const x = tensorOf(call, 0);
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), floatAttribute(node, 'epsilon', 1e-5)));
  const scaled = tf.mul(tf.mul(centered, inverse), tensorOf(call, 1));
  return isGiven(call, 2) ? tf.add(scaled, tensorOf(call, 2)) : scaled;
};

const rmsNormalization: DeviceOperator = (call) => {
  const { tf, node } = call;
  const x = tensorOf(call, 0);
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), floatAttribute(node, 'epsilon', 1e-5)));
  return tf.mul(tf.mul(x, inverse), tensorOf(call, 1));
};

const overLast =
  (f: (tf: Tf, x: Tensor) => Tensor): DeviceOperator =>
  (call) => {
    const x = tensorOf(call, 0);
    return f(call.tf, x);
  };

const reduction =
  (f: (tf: Tf, x: Tensor, axes: number[]) => Tensor): DeviceOperator =>
  (call) => {
    const x = tensorOf(call, 0);
    return call.tf.reshape(f(call.tf, x, [...reducedAxes(call.node, valuesOf(call), x.rank)]), dimsOf(call));
  };

export const NORMALIZATION: Readonly<Record<string, DeviceOperator>> = {
  LayerNormalization: layerNormalization,
  LogSoftmax: overLast((tf, x) => tf.logSoftmax(x)),
  RMSNormalization: rmsNormalization,
  ReduceL2: reduction((tf, x, axes) => tf.sqrt(tf.sum(tf.square(x), axes))),
  ReduceLogSumExp: reduction((tf, x, axes) => tf.logSumExp(x, axes)),
  ReduceMax: reduction((tf, x, axes) => tf.max(x, axes)),
  ReduceMean: reduction((tf, x, axes) => tf.mean(x, axes)),
  ReduceMin: reduction((tf, x, axes) => tf.min(x, axes)),
  ReduceSum: reduction((tf, x, axes) => tf.sum(x, axes)),
  ReduceSumSquare: reduction((tf, x, axes) => tf.sum(tf.square(x), axes)),
  Softmax: overLast((tf, x) => tf.softmax(x)),
};
