import type { Batch } from '@hadamard-adapter/core';
import * as tf from '@tensorflow/tfjs-core';
// oxlint-disable-next-line import/no-unassigned-import -- it registers gradients, and has nothing else to give
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
// oxlint-disable-next-line import/no-unassigned-import -- it registers a backend here
import '@tensorflow/tfjs-backend-webgl';
// oxlint-disable-next-line import/no-unassigned-import -- it registers a backend here
import '@tensorflow/tfjs-backend-webgpu';
import simd from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.wasm?url';
import plain from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm?url';
import { randomWeights, type BenchSizes } from '../../packages/lab/src/bench/encoder.js';

export { tf };

/**
 * One training step of the same model, written as a user of TensorFlow.js would: frozen tensors, variables for what is
 * trained, autodiff, Adam.
 */
export async function tfjsPeer(
  { layers, hidden, heads, intermediate, vocab, positions }: BenchSizes,
  threads: number,
  backend = 'wasm',
): Promise<(batch: Batch) => Promise<number>> {
  setThreadsCount(threads);
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': threaded,
  });
  await tf.setBackend(backend);
  const frozen = (name: string, shape: number[], transpose = false): tf.Tensor => {
    const tensor = tf.tensor(
      randomWeights(
        name,
        shape.reduce((a, b) => a * b, 1),
      ),
      shape,
      'float32',
    );
    return transpose ? tf.tidy(() => tf.keep(tf.transpose(tensor))) : tensor;
  };
  // PyTorch keeps matrices as [out, in].
  const dense = (name: string, outputs: number, inputs: number) => ({
    matrix: frozen(`${name}.weight`, [outputs, inputs], true) as tf.Tensor2D,
    shift: frozen(`${name}.bias`, [outputs]),
  });
  const norm = (name: string) => ({
    scale: frozen(`${name}.LayerNorm.weight`, [hidden]),
    shift: frozen(`${name}.LayerNorm.bias`, [hidden]),
  });
  const table = (name: string, rows: number) => frozen(`embeddings.${name}_embeddings.weight`, [rows, hidden]);
  const [words, places, types] = [table('word', vocab), table('position', positions), table('token_type', 2)];
  const embeddingNorm = norm('embeddings');
  const blocks = Array.from({ length: layers }, (_, i) => {
    const prefix = `encoder.layer.${i}`;
    const first = norm(`${prefix}.attention.output`);
    return {
      query: dense(`${prefix}.attention.self.query`, hidden, hidden),
      key: dense(`${prefix}.attention.self.key`, hidden, hidden),
      value: dense(`${prefix}.attention.self.value`, hidden, hidden),
      project: dense(`${prefix}.attention.output.dense`, hidden, hidden),
      up: dense(`${prefix}.intermediate.dense`, intermediate, hidden),
      down: dense(`${prefix}.output.dense`, hidden, intermediate),
      norm: { scale: tf.variable(first.scale), shift: tf.variable(first.shift) },
      outNorm: norm(`${prefix}.output`),
      adapter: { scale: tf.variable(tf.ones([hidden])), shift: tf.variable(tf.zeros([hidden])) },
    };
  });
  const classifier = {
    matrix: tf.tensor2d(randomWeights('classifier', 2 * hidden), [2, hidden]),
    shift: tf.zeros([2]),
  };
  const trained = blocks.flatMap(({ adapter, norm: { scale, shift } }) => [adapter.scale, adapter.shift, scale, shift]);
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);

  const linear = (x: tf.Tensor, { matrix, shift }: { matrix: tf.Tensor2D; shift: tf.Tensor }): tf.Tensor =>
    tf.add(tf.matMul(x as tf.Tensor2D, matrix), shift);
  const normalize = (x: tf.Tensor, { scale, shift }: { scale: tf.Tensor; shift: tf.Tensor }): tf.Tensor => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-12))), scale), shift);
  };
  const gelu = (x: tf.Tensor): tf.Tensor => tf.mul(tf.mul(x, tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)), 0.5);

  return async ({ batch, sequence, inputIds, labels }) => {
    const width = hidden / heads;
    // The embeddings are frozen, and TensorFlow.js has no gradient of a gather on WASM.
    const embedded = tf.tidy(() => {
      const token = tf.gather(words, tf.tensor1d(inputIds, 'int32'));
      const place = tf.tile(tf.slice(places, [0, 0], [sequence, hidden]), [batch, 1]);
      return normalize(tf.add(tf.add(token, place), tf.slice(types, [0, 0], [1, hidden])), embeddingNorm);
    });
    const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels ?? []), 'int32'), 2);
    const loss = optimizer.minimize(
      () => {
        const split = (x: tf.Tensor): tf.Tensor =>
          tf.transpose(tf.reshape(x, [batch, sequence, heads, width]), [0, 2, 1, 3]);
        let x = embedded;
        for (const block of blocks) {
          const [q, k, v] = [split(linear(x, block.query)), split(linear(x, block.key)), split(linear(x, block.value))];
          const shares = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width)));
          const context = tf.reshape(tf.transpose(tf.matMul(shares, v), [0, 2, 1, 3]), [batch * sequence, hidden]);
          const adapted = tf.add(tf.mul(context, block.adapter.scale), block.adapter.shift);
          x = normalize(tf.add(linear(adapted, block.project), x), block.norm);
          x = normalize(tf.add(linear(gelu(linear(x, block.up)), block.down), x), block.outNorm);
        }
        const first = tf.reshape(tf.slice(tf.reshape(x, [batch, sequence, hidden]), [0, 0, 0], [batch, 1, hidden]), [
          batch,
          hidden,
        ]);
        const logits = tf.add(tf.matMul(first as tf.Tensor2D, classifier.matrix, false, true), classifier.shift);
        return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1))) as tf.Scalar;
      },
      true,
      trained,
    );
    const [value] = await (loss as tf.Scalar).data();
    tf.dispose([loss as tf.Scalar, embedded, targets]);
    return value as number;
  };
}
