import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import type * as tfjs from '@tensorflow/tfjs';
import { checkTf, type Tf } from '../tf.js';

/**
 * The person's own TensorFlow.js with its layers: `@tensorflow/tfjs`, `@tensorflow/tfjs-node`, or `{ ...core, ...layers
 * }` of the two smaller packages.
 */
export type KerasTf = Tf & Pick<typeof tfjs, 'LayersModel' | 'initializers' | 'layers' | 'model'>;

export type LayersModel = tfjs.LayersModel;
export type Layer = tfjs.layers.Layer;
export type SymbolicTensor = tfjs.SymbolicTensor;
/** One call of a layer: its input and output tensors. */
export type Node = Layer['inboundNodes'][number];
export type Shape = tfjs.Shape;

/**
 * Check an injected TensorFlow.js before a layer is made with it.
 *
 * @throws ConfigError TF_MISSING, TF_VERSION, TF_COPIES; TF_LAYERS when it is `@tensorflow/tfjs-core` alone.
 */
export function checkKerasTf(tf: KerasTf | undefined): KerasTf {
  checkTf(tf);
  if (typeof tf?.LayersModel !== 'function' || typeof tf.layers?.Layer !== 'function') {
    throw new ConfigError('This TensorFlow.js has no layers', {
      code: 'TF_LAYERS',
      found: 'tf.layers missing',
      expected: '@tensorflow/tfjs',
      hint: 'Pass the whole @tensorflow/tfjs, or { ...core, ...layers } with @tensorflow/tfjs-layers.',
    });
  }
  return tf;
}

/**
 * Check that `model` is a LayersModel of this TensorFlow.js and still has its weights.
 *
 * @throws ConfigError MODEL_KIND; TF_COPIES for a model that another copy of TensorFlow.js made; RuntimeError
 *   MODEL_DISPOSED.
 */
export function checkModel(tf: KerasTf, model: LayersModel): void {
  if (!(model instanceof tf.LayersModel)) throw foreign(model);
  try {
    for (const weight of model.weights) weight.read();
  } catch (cause) {
    throw new RuntimeError(`The model "${model.name}" was disposed`, {
      code: 'MODEL_DISPOSED',
      hint: 'Dispose a model after its last use; models that share layers are disposed one by one.',
      cause,
    });
  }
}

function foreign(model: unknown): ConfigError {
  if (typeof model === 'object' && model !== null && 'layers' in model && 'predict' in model) {
    return new ConfigError('The model was made by another copy of TensorFlow.js', {
      code: 'TF_COPIES',
      found: 'a model with layers that is no instance of the LayersModel of the tf that was passed',
      expected: 'one copy, whose classes the model and its adapters share',
      hint:
        'Look for it with "npm ls @tensorflow/tfjs-layers", pass the tf that made the model, and let the bundler ' +
        'dedupe it (Vite: resolve.dedupe).',
    });
  }
  return new ConfigError('Adapters go into a LayersModel', {
    code: 'MODEL_KIND',
    found:
      typeof model === 'object' && model !== null ? `a ${model.constructor?.name ?? 'plain object'}` : String(model),
    expected: 'a functional or sequential tf.LayersModel',
    hint:
      'A GraphModel has no layers to train: convert with --output_format=tfjs_layers_model, or take the ONNX file ' +
      'and loadModel.',
  });
}
