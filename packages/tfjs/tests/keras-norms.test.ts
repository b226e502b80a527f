import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { hadamardLayers } from '../src/keras.js';
import { nextNorms } from '../src/keras/norms.js';

const { hadamardAdapter } = hadamardLayers(tf);
type Tensor = tf.SymbolicTensor;
const call = (layer: tf.layers.Layer, input: Tensor | Tensor[]): Tensor => layer.apply(input) as Tensor;
const norm = (name: string): tf.layers.Layer => tf.layers.layerNormalization({ name });
const dense = (): tf.layers.Layer => tf.layers.dense({ units: 4 });
const add = (a: Tensor, b: Tensor): Tensor => call(tf.layers.add(), [a, b]);

/** The trained norms of a model that `build` makes of a tensor [batch, 4]. */
function normsOf(build: (x: Tensor) => Tensor): string[] {
  const input = tf.input({ shape: [4] });
  return nextNorms(tf, tf.model({ inputs: input, outputs: build(input) })).map(({ name }) => name);
}

describe('the norm that is trained with an adapter', () => {
  it('comes after the residual sum in BERT, whose norms follow their sums', () => {
    const layer = (x: Tensor, i: number): Tensor => {
      const attended = call(norm(`attention_${i}`), add(x, call(dense(), call(hadamardAdapter(), x))));
      return call(norm(`output_${i}`), add(attended, call(dense(), attended)));
    };
    expect(normsOf((x) => layer(layer(call(norm('embedding'), x), 1), 2))).toEqual(['attention_1', 'attention_2']);
  });

  it('is that of the feed-forward part in GPT-2, whose norms come before attention', () => {
    const layer = (x: Tensor, i: number): Tensor => {
      const attended = add(x, call(dense(), call(hadamardAdapter(), call(norm(`attention_${i}`), x))));
      return add(attended, call(dense(), call(norm(`output_${i}`), attended)));
    };
    expect(normsOf((x) => call(norm('last'), layer(layer(x, 1), 2)))).toEqual(['output_1', 'output_2']);
  });

  it('is none where the next adapter or the end comes first', () => {
    expect(normsOf((x) => call(norm('one'), call(hadamardAdapter(), call(hadamardAdapter(), x))))).toEqual(['one']);
    expect(normsOf((x) => call(hadamardAdapter(), call(norm('before'), x)))).toEqual([]);
  });

  it('is looked for inside a nested model', () => {
    const inner = tf.sequential({ layers: [hadamardAdapter({ inputShape: [4] }), norm('inside')] });
    expect(normsOf((x) => call(norm('outside'), call(inner, x)))).toEqual(['inside']);
  });
});
