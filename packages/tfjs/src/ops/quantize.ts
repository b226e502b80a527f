import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../tf.js';
import { isGiven, tensorOf, type Call, type DeviceOperator } from './operator.js';

const LEVELS = 255;

interface Levels {
  /** Whole numbers from 0 to 255, as float32: what they are multiplied with is too. */
  readonly levels: Tensor;
  readonly scale: Tensor;
  readonly zero: Tensor;
}

/**
 * 256 levels between the smallest and the largest number of x, 0 among them; halves round to even.
 * https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
 */
function quantize(tf: Tf, x: Tensor): Levels {
  const [low, high] = [tf.minimum(tf.min(x), 0), tf.maximum(tf.max(x), 0)];
  const range = tf.div(tf.sub(high, low), LEVELS);
  // Numbers that are all zero have no range.
  const scale = tf.where(tf.equal(range, 0), tf.onesLike(range), range);
  const zero = tf.clipByValue(tf.round(tf.div(tf.neg(low), scale)), 0, LEVELS);
  return { levels: tf.clipByValue(tf.add(tf.round(tf.div(x, scale)), zero), 0, LEVELS), scale, zero };
}

/** x rounded to its 256 levels. The gradient is passed on as it is. */
export function roundToLevels(tf: Tf, x: Tensor): Tensor {
  // What it is called with is what `rounded` is called with, and behind that a function that saves.
  const rounded = tf.customGrad((value) => ({
    value: tf.tidy(() => {
      const { levels, scale, zero } = quantize(tf, value as Tensor);
      return tf.mul(tf.sub(levels, zero), scale);
    }),
    gradFunc: (dy: Tensor) => tf.clone(dy),
  }));
  return rounded(x);
}

const dynamicQuantizeLinear: DeviceOperator = (call) => {
  const { levels, scale, zero } = quantize(call.tf, tensorOf(call, 0));
  return [levels, scale, zero];
};

/**
 * A product of whole numbers less their zero points. They are exact in float32 up to 2²⁴, and rounded like any sum
 * beyond.
 */
const matMulInteger: DeviceOperator = (call) => call.tf.matMul(centered(call, 0), centered(call, 1));

function centered(call: Call, index: 0 | 1): Tensor {
  const { tf } = call;
  const levels = tf.cast(tensorOf(call, index), 'float32');
  return isGiven(call, index + 2) ? tf.sub(levels, tf.cast(tensorOf(call, index + 2), 'float32')) : levels;
}

/** Of files that were quantized and not canonicalized: a folded model. */
export const QUANTIZATION: Readonly<Record<string, DeviceOperator>> = {
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
};
