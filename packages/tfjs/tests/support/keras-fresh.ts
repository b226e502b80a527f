import * as tf from '@tensorflow/tfjs';
import { hadamardLayers } from '../../src/keras.js';
import { folder } from './keras-folder.js';
import { ToyAttention } from './keras-model.js';

/** What a fresh process makes of a saved model, before and after it knows the layer. */
export async function load(path: string, x: number[][]): Promise<{ unknown: string; predictions: number[] }> {
  tf.serialization.registerClass(ToyAttention);
  const unknown = await tf.loadLayersModel(folder(path)).then(
    () => '',
    (error: unknown) => String(error),
  );
  hadamardLayers(tf);
  const model = await tf.loadLayersModel(folder(path));
  return { unknown, predictions: [...(model.predict(tf.tensor2d(x)) as tf.Tensor).dataSync()] };
}
