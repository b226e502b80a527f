import { elementAt, present } from '@hadamard-adapter/core/internal';
import { intAttribute } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../tf.js';
import { dimsOf, numbersOf, tensorOf, type Call, type DeviceOperator } from './operator.js';

/** Indices as int32; negative ones count from the end. */
function indicesOf(call: Call, size: number): Int32Array {
  return Int32Array.from(numbersOf(call, 1), (index) => (index < 0 ? index + size : index));
}

/** Embeddings, and positions picked from a sequence. */
const gather: DeviceOperator = (call) => {
  const { tf, node, operands } = call;
  const x = tensorOf(call, 0);
  const axis = intAttribute(node, 'axis', 0);
  const at = axis < 0 ? axis + x.rank : axis;
  const indices = indicesOf(call, elementAt(x.shape, at));
  // Flat, because a scalar index takes its axis away.
  return tf.reshape(tf.gather(x, tf.tensor1d(indices, 'int32'), at), [
    ...x.shape.slice(0, at),
    ...(operands[1]?.value.dims ?? []),
    ...x.shape.slice(at + 1),
  ]);
};

/**
 * Numbers picked from one axis, each by an index of its own: relative positions of DeBERTa. As one gather from the flat
 * numbers.
 */
const gatherElements: DeviceOperator = (call) => {
  const { tf, node } = call;
  const x = tensorOf(call, 0);
  const dims = dimsOf(call);
  const axis = intAttribute(node, 'axis', 0);
  const positions = flatPositions(indicesOf(call, present(x.shape.at(axis))), dims, x, axis < 0 ? axis + x.rank : axis);
  return tf.reshape(pick(tf, tf.reshape(x, [-1]), positions), dims);
};

/** More numbers than this that come from the same place are added up by the backend's own kernel. */
const MOST_ROUNDS = 8;

/**
 * `x[positions]` of flat numbers. TensorFlow.js adds the gradient up segment by segment, in time quadratic in their
 * number on most backends; here each number looks for where it went, which is again a gather, and one more for every
 * time that one was picked again (positions far apart that share a bucket).
 */
function pick(tf: Tf, x: Tensor, positions: Int32Array): Tensor {
  const rounds = whereTo(positions, x.size);
  if (rounds === undefined) return tf.gather(x, tf.tensor1d(positions, 'int32'));
  // What it is called with is what `picked` is called with, and behind that a function that saves.
  const picked = tf.customGrad((values) => ({
    value: tf.gather(values as Tensor, tf.tensor1d(positions, 'int32')),
    gradFunc: (dy: Tensor) => {
      const orZero = tf.concat([tf.reshape(dy, [-1]), tf.zeros([1])]);
      return rounds
        .map((round) => tf.gather(orZero, tf.tensor1d(round, 'int32')))
        .reduce((sum, part) => tf.add(sum, part));
    },
  }));
  return picked(x);
}

/**
 * For each of `size` numbers the results that it went to, one per round; where there is none (any more), the position
 * behind the last result.
 */
function whereTo(positions: Int32Array, size: number): Int32Array[] | undefined {
  const taken = new Uint8Array(size);
  const rounds: Int32Array[] = [new Int32Array(size).fill(positions.length)];
  for (const [result, from] of positions.entries()) {
    const round = taken[from] ?? 0;
    if (round === MOST_ROUNDS) return undefined;
    const into = rounds[round] ?? new Int32Array(size).fill(positions.length);
    rounds[round] = into;
    into[from] = result;
    taken[from] = round + 1;
  }
  return rounds;
}

function flatPositions(indices: Int32Array, dims: readonly number[], { shape }: Tensor, axis: number): Int32Array {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((product, size) => product * size, 1));
  const position = new Int32Array(dims.length);
  return indices.map((index) => {
    let at = 0;
    for (let d = 0; d < dims.length; d++) at += (d === axis ? index : (position[d] ?? 0)) * (strides[d] ?? 0);
    for (let d = dims.length - 1; d >= 0; d--) {
      const next = (position[d] ?? 0) + 1;
      position[d] = next;
      if (next < (dims[d] ?? 0)) break;
      position[d] = 0;
    }
    return at;
  });
}

export const INDEXING: Readonly<Record<string, DeviceOperator>> = { Gather: gather, GatherElements: gatherElements };
