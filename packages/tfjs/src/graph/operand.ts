import {
  elementCount,
  toFloat32,
  toNumbers,
  type DataType,
  type Tensor as Constant,
  type Value,
} from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../tf.js';

/**
 * A value while a graph runs. What follows from shapes and token ids alone (positions, masks) is computed in plain
 * JavaScript and goes to the device where something there reads it; what follows from weights is on the device from the
 * start.
 */
export interface Operand {
  /** Type and shape, and the numbers where they are known here. */
  readonly value: Value;
  /** On the device; made from the numbers when it is first asked for. */
  tensor(): Tensor;
  /** Whether it is on the device and belongs to this run. */
  readonly own: boolean;
}

/** TensorFlow.js has no 64-bit integers. */
export function tfType(dtype: DataType): 'float32' | 'int32' | 'bool' {
  if (dtype === 'bool') return 'bool';
  return /float/.test(dtype) ? 'float32' : 'int32';
}

/** What an operator on the device answered. */
export function deviceOperand(tensor: Tensor, { dtype, dims }: Value): Operand {
  return { value: { dtype, dims }, tensor: () => tensor, own: true };
}

/** Numbers known here. The tensor lives as long as the run. */
export function hostOperand(tf: Tf, value: Value): Operand {
  let uploaded: Tensor | undefined;
  return { value, own: false, tensor: () => (uploaded ??= upload(tf, value)) };
}

/** Beyond int32 lies only "to the end". */
const INT32_MAX = 2 ** 31 - 1;

/**
 * Beyond this lie only the scores of masked positions. Nearer to the end of float32 their sums are infinite, and WebGPU
 * makes no softmax of a row that has nothing else.
 */
const SCORE_MAX = 1e30;

function upload(tf: Tf, { dtype, dims, data = new Float64Array(0) }: Value): Tensor {
  const type = tfType(dtype);
  if (type === 'float32')
    return tf.tensor(
      Float32Array.from(data, (value) => Math.min(Math.max(value, -SCORE_MAX), SCORE_MAX)),
      [...dims],
      type,
    );
  if (type === 'bool') return tf.tensor(Uint8Array.from(data), [...dims], type);
  return tf.tensor(
    Int32Array.from(data, (value) => Math.min(Math.max(value, -INT32_MAX), INT32_MAX)),
    [...dims],
    type,
  );
}

/**
 * Integers (axes, shapes, positions) and single numbers (epsilons, scores) take part in what is computed here; other
 * floats are weights, and belong to the device.
 */
export function constantValue(tensor: Constant): Value {
  const { dtype, dims } = tensor;
  return tfType(dtype) !== 'float32' || elementCount(dims) <= 1 ? knownValue(tensor) : { dtype, dims };
}

/** With its numbers, whatever they are. */
export const knownValue = (tensor: Constant): Value => ({
  dtype: tensor.dtype,
  dims: tensor.dims,
  data: toNumbers(tensor),
});

/** An operand that outlives runs. */
export interface LastingOperand extends Operand {
  dispose(): void;
}

/** A weight: uploaded when it is first read on the device, and there until `dispose`. */
export function constantOperand(tf: Tf, tensor: Constant): LastingOperand {
  const { dtype, dims } = tensor;
  return lastingOperand(tf, constantValue(tensor), () =>
    tfType(dtype) === 'float32' && elementCount(dims) > 1
      ? tf.tensor(toFloat32(tensor), [...dims])
      : upload(tf, { dtype, dims, data: toNumbers(tensor) }),
  );
}

/** @param make its tensor, called once, when it is first asked for; by default from the numbers of `value`. */
export function lastingOperand(tf: Tf, value: Value, make: () => Tensor = () => upload(tf, value)): LastingOperand {
  let kept: Tensor | undefined;
  return {
    value,
    own: false,
    tensor: () => (kept ??= tf.keep(make())),
    dispose() {
      kept?.dispose();
      kept = undefined;
    },
  };
}
