import { elementAt } from '@hadamard-adapter/core/internal';
import { intAttribute, permutationOf, sliceRanges } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { dimsOf, numbersOf, tensorOf, valuesOf, type DeviceOperator } from './operator.js';

/** Reshape, Squeeze, Unsqueeze, Flatten: the same memory under the shape that was inferred. */
const reshaped: DeviceOperator = (call) => call.tf.reshape(tensorOf(call, 0), dimsOf(call));

const transpose: DeviceOperator = (call) => {
  const x = tensorOf(call, 0);
  return call.tf.transpose(x, [...permutationOf(call.node, x.rank)]);
};

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const concat: DeviceOperator = (call) => {
  const parts = call.operands.map((_, i) => tensorOf(call, i));
  return call.tf.concat(parts, axisOf(intAttribute(call.node, 'axis', 0), dimsOf(call).length));
};

const split: DeviceOperator = (call) => {
  const axis = axisOf(intAttribute(call.node, 'axis', 0), dimsOf(call).length);
  return call.tf.split(
    tensorOf(call, 0),
    call.outputs.map(({ dims }) => elementAt(dims, axis)),
    axis,
  );
};

/**
 * Ranges of step 1 at once; others one axis at a time by their indices, since a strided slice has no gradient in
 * TensorFlow.js.
 */
const slice: DeviceOperator = (call) => {
  const { tf, node } = call;
  const x = tensorOf(call, 0);
  const ranges = sliceRanges(node, valuesOf(call));
  const [begin, size] = [x.shape.map(() => 0), [...x.shape]];
  for (const { axis, start, step, count } of ranges) if (step === 1) [begin[axis], size[axis]] = [start, count];
  const stepped = ranges.filter(({ step }) => step !== 1);
  return stepped.reduce(
    (part: Tensor, { axis, start, step, count }) =>
      tf.gather(
        part,
        tf.tensor1d(
          Int32Array.from({ length: count }, (_, i) => start + i * step),
          'int32',
        ),
        axis,
      ),
    tf.slice(x, begin, size),
  );
};

const tile: DeviceOperator = (call) => call.tf.tile(tensorOf(call, 0), [...numbersOf(call, 1)]);

export const MOVEMENT: Readonly<Record<string, DeviceOperator>> = {
  Concat: concat,
  Flatten: reshaped,
  Reshape: reshaped,
  Slice: slice,
  Split: split,
  Squeeze: reshaped,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: reshaped,
};
