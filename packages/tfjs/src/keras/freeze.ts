import { layersIn, modelsIn } from './graph.js';
import type { KerasTf, Layer, LayersModel } from './keras-tf.js';

/**
 * Run `work`, which may say as often as it likes which layers are trained: all others are frozen. Afterwards, and after
 * a failure, every layer and weight is as trainable as before.
 */
export async function withFrozen<T>(
  tf: KerasTf,
  model: LayersModel,
  work: (trainOnly: (layers: readonly Layer[]) => void) => Promise<T>,
): Promise<T> {
  const models = new Set<Layer>(modelsIn(tf, model));
  const leaves = layersIn(tf, model).filter((layer) => !models.has(layer));
  // A model sets the flags of all weights in it, and a layer those of its own: outer ones first, single weights last.
  const before = [...models, ...leaves].map((layer) => ({ layer, trainable: layer.trainable }));
  const weightsBefore = leaves
    .flatMap(({ weights }) => weights)
    .map((weight) => ({ weight, trainable: weight.trainable }));
  const moving = leaves.filter((layer) => layer.getClassName() === 'BatchNormalization');
  try {
    return await work((trained) => {
      for (const container of models) container.trainable = true;
      for (const layer of leaves) layer.trainable = trained.includes(layer);
      for (const layer of moving) setStill(layer, !trained.includes(layer));
    });
  } finally {
    for (const layer of moving) setStill(layer, false);
    for (const { layer, trainable } of before) layer.trainable = trainable;
    for (const { weight, trainable } of weightsBefore) weight.trainable = trainable;
  }
}

/**
 * TensorFlow.js moves the mean and variance of a BatchNormalization in every training step, trainable or not; Keras has
 * a frozen one infer.
 */
function setStill(layer: Layer, still: boolean): void {
  Reflect.deleteProperty(layer, 'call');
  if (!still) return;
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
}
