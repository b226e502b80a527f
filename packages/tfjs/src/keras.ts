import { defineAdapter, type HadamardAdapterClass, type HadamardAdapterConfig } from './keras/adapter-layer.js';
import { injectAdapters, type InjectOptions } from './keras/inject.js';
import { checkKerasTf, type KerasTf, type Layer, type LayersModel } from './keras/keras-tf.js';
import { twoStageFit, type TwoStageFit } from './keras/two-stage-fit.js';

export type { HadamardAdapterClass, HadamardAdapterConfig } from './keras/adapter-layer.js';
export type { InjectOptions } from './keras/inject.js';
export type { KerasTf } from './keras/keras-tf.js';
export type { LayerMatch } from './keras/match.js';
export type {
  FitCallbacks,
  FitDataset,
  FitStage,
  FitStageName,
  FitTensors,
  TwoStageFit,
  TwoStageFitOptions,
  TwoStageHistory,
} from './keras/two-stage-fit.js';

/** The Hadamard adapter for one TensorFlow.js. */
export interface HadamardLayers {
  /** The layer class, registered: y = w ⊙ x + b over the last axis. */
  readonly HadamardAdapter: HadamardAdapterClass;
  /** A layer, in the manner of `tf.layers.dense`: for models that are written with adapters from the start. */
  hadamardAdapter(config?: HadamardAdapterConfig): Layer;
  /** {@link injectAdapters}: a model with adapters, of a model without. */
  injectAdapters(model: LayersModel, options: InjectOptions): LayersModel;
  /** {@link twoStageFit}: `fit` in the paper's two stages. */
  readonly twoStageFit: TwoStageFit;
}

/** By the class that layers extend: two ways to import the same TensorFlow.js are two namespaces of one class. */
const known = new WeakMap<object, HadamardLayers>();

/**
 * The Hadamard adapter for people's own `tf.LayersModel`: `const { injectAdapters, twoStageFit } = hadamardLayers(tf)`.
 *
 * TensorFlow.js is given and never imported here, because a layer has to extend the very class that the person's models
 * are made of. For one TensorFlow.js the result is always the same. A call also registers the layer: do it before
 * `tf.loadLayersModel` reads a model with adapters.
 *
 * @throws ConfigError TF_MISSING, TF_VERSION, TF_COPIES, TF_LAYERS.
 */
export function hadamardLayers(tf: KerasTf): HadamardLayers {
  const { Layer } = checkKerasTf(tf).layers;
  const made = known.get(Layer) ?? makeLayers(tf);
  known.set(Layer, made);
  return made;
}

function makeLayers(tf: KerasTf): HadamardLayers {
  const HadamardAdapter = defineAdapter(tf);
  return {
    HadamardAdapter,
    hadamardAdapter: (config) => new HadamardAdapter(config),
    injectAdapters: (model, options) => injectAdapters(tf, HadamardAdapter, model, options),
    twoStageFit: (model, data, options) => twoStageFit(tf, model, data, options),
  };
}
