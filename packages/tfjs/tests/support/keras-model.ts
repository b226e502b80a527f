import * as tf from '@tensorflow/tfjs';

/** Without vitest: this file is also read by the fresh process that loads a saved model. */
export const VOCABULARY = 12;
export const SEQUENCE = 7;
export const CHANNELS = 8;

const random = (seed: number) => tf.initializers.randomUniform({ minval: -0.7, maxval: 0.7, seed });

/** Self-attention of one head, [batch, sequence, channels] in and out. TensorFlow.js exports none of its own. */
export class ToyAttention extends tf.layers.Layer {
  static className = 'ToyAttention';
  private kernel: tf.LayerVariable | undefined;

  override build(shape: tf.Shape): void {
    const channels = shape[2] as number;
    this.kernel = this.addWeight('qkv', [channels, 3 * channels], 'float32', random(1));
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor3D;
      const [batch, sequence, channels] = x.shape;
      const projected = x
        .reshape([batch * sequence, channels])
        .matMul((this.kernel as tf.LayerVariable).read())
        .reshape([batch, sequence, 3 * channels]);
      const [q, k, v] = tf.split(projected, 3, 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
      return tf.matMul(tf.softmax(tf.matMul(q, k, false, true).div(Math.sqrt(channels))), v);
    });
  }
}
tf.serialization.registerClass(ToyAttention);

const embedding = (): tf.layers.Layer =>
  tf.layers.embedding({
    name: 'embedding',
    inputDim: VOCABULARY,
    outputDim: CHANNELS,
    inputLength: SEQUENCE,
    embeddingsInitializer: random(2),
  });
const classifier = (): tf.layers.Layer =>
  tf.layers.dense({ name: 'classifier', units: 2, activation: 'softmax', kernelInitializer: random(3) });

/**
 * A transformer layer with residual connections, and a classifier: tokens [batch, sequence] to probabilities [batch,
 * 2].
 */
export function textClassifier(): tf.LayersModel {
  const tokens = tf.input({ shape: [SEQUENCE], name: 'tokens' });
  const x = embedding().apply(tokens) as tf.SymbolicTensor;
  const attended = new ToyAttention({ name: 'attention' }).apply(x) as tf.SymbolicTensor;
  const projected = tf.layers
    .dense({ name: 'projection', units: CHANNELS, kernelInitializer: random(4) })
    .apply(attended) as tf.SymbolicTensor;
  const sum = tf.layers.add({ name: 'residual' }).apply([x, projected]) as tf.SymbolicTensor;
  const normed = tf.layers.layerNormalization({ name: 'norm' }).apply(sum) as tf.SymbolicTensor;
  const fed = tf.layers
    .dense({ name: 'feed_forward', units: CHANNELS, activation: 'tanh', kernelInitializer: random(5) })
    .apply(normed) as tf.SymbolicTensor;
  const sum2 = tf.layers.add({ name: 'residual_2' }).apply([normed, fed]) as tf.SymbolicTensor;
  const normed2 = tf.layers.layerNormalization({ name: 'norm_2' }).apply(sum2) as tf.SymbolicTensor;
  const pooled = tf.layers.globalAveragePooling1d({ name: 'pool' }).apply(normed2) as tf.SymbolicTensor;
  return tf.model({ name: 'text', inputs: tokens, outputs: classifier().apply(pooled) as tf.SymbolicTensor });
}

/** The same without residual connections, one layer after the other. */
export function sequentialClassifier(): tf.Sequential {
  return tf.sequential({
    name: 'row',
    layers: [
      embedding(),
      new ToyAttention({ name: 'attention' }),
      tf.layers.layerNormalization({ name: 'norm' }),
      tf.layers.globalAveragePooling1d({ name: 'pool' }),
      classifier(),
    ],
  });
}
