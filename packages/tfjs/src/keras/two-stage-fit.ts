import { ConfigError, twoStage } from '@hadamard-adapter/core';
import type { History, ModelCompileArgs, ModelFitArgs, ModelFitDatasetArgs } from '@tensorflow/tfjs';
import type { Optimizer } from '@tensorflow/tfjs-core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { isAdapter } from './adapter-layer.js';
import { withFrozen } from './freeze.js';
import { layersIn } from './graph.js';
import { checkModel, type KerasTf, type Layer, type LayersModel } from './keras-tf.js';
import { selectLayers, type LayerMatch } from './match.js';
import { nextNorms } from './norms.js';

export type FitStageName = 'classifier' | 'adapter';
export type FitCallbacks = NonNullable<ModelFitArgs['callbacks']>;

/** Inputs and targets as `model.fit` takes them. */
export interface FitTensors {
  readonly x: Parameters<LayersModel['fit']>[0];
  readonly y: Parameters<LayersModel['fit']>[1];
}
export type FitDataset = Parameters<LayersModel['fitDataset']>[0];

/** One stage: what `model.fit` or `model.fitDataset` can be told, and how it learns. */
export type FitStage<Args> = Omit<Args, 'epochs' | 'callbacks'> & {
  /** Default: as core's `STAGE_DEFAULTS`, 5 for the classifier and 10 for the adapters. */
  readonly epochs?: number;
  /** Of Adam, all through the stage. Default: as core's `STAGE_DEFAULTS`. */
  readonly learningRate?: number;
  /** Makes the optimizer instead; it is disposed of when the stage ends. */
  readonly optimizer?: () => Optimizer;
};

export interface TwoStageFitOptions<Args> {
  readonly loss: ModelCompileArgs['loss'];
  readonly metrics?: ModelCompileArgs['metrics'];
  readonly classifier?: FitStage<Args>;
  readonly adapter?: FitStage<Args>;
  /** Callbacks of TensorFlow.js for both stages, or a function that is asked for those of each. */
  readonly callbacks?: FitCallbacks | ((stage: FitStageName) => FitCallbacks);
  /** Trained in stage one, frozen in stage two. Default: the last layer that has weights. */
  readonly classifierLayers?: LayerMatch;
  /** Trained with the adapters. Default: the LayerNormalization that comes next behind each adapter. `[]` for none. */
  readonly normLayers?: LayerMatch;
}

export interface TwoStageHistory {
  readonly classifier: History;
  readonly adapter: History;
}

export interface TwoStageFit {
  (model: LayersModel, data: FitTensors, options: TwoStageFitOptions<ModelFitArgs>): Promise<TwoStageHistory>;
  (
    model: LayersModel,
    data: FitDataset,
    options: TwoStageFitOptions<ModelFitDatasetArgs<unknown>>,
  ): Promise<TwoStageHistory>;
}

type AnyOptions = TwoStageFitOptions<ModelFitArgs> | TwoStageFitOptions<ModelFitDatasetArgs<unknown>>;

/**
 * Train a model with adapters in the paper's two stages (Chen et al. 2023, section 3.3): first the classifier alone,
 * then adapters and norms, with the classifier of stage one frozen. Weights that a stage does not train keep every bit.
 * Stage two begins with what the last epoch of stage one left, and with a fresh optimizer.
 *
 * A setting `trainable` is as before when it ends, also with an error. The model is left compiled with this loss and
 * these metrics, for `evaluate`, and with an unused Adam of its own; compile it anew to fit on.
 *
 * @param data tensors `{ x, y }` for `model.fit`, or a `tf.data.Dataset` of `{ xs, ys }` for `model.fitDataset`.
 * @throws ConfigError ADAPTERS_MISSING, CLASSIFIER_MISSING, LAYER_UNKNOWN, STAGE_EMPTY, STAGE_OVERLAP, FIT_DATA,
 *   MODEL_KIND, TF_COPIES; RuntimeError MODEL_DISPOSED; and what TensorFlow.js or a callback throws, as it is.
 */
export async function twoStageFit(
  tf: KerasTf,
  model: LayersModel,
  data: FitTensors | FitDataset,
  options: AnyOptions,
): Promise<TwoStageHistory> {
  checkModel(tf, model);
  const layers = stageLayers(tf, model, options);
  const settings = {
    classifier: stageSettings('classifier', options.classifier),
    adapter: stageSettings('adapter', options.adapter),
  };
  const fit = fitter(model, data);
  const { loss, metrics, callbacks } = options;
  const compile = (optimizer: Optimizer | string): void =>
    model.compile({ optimizer, loss, ...(metrics === undefined ? {} : { metrics }) });

  const histories = await withFrozen(tf, model, async (trainOnly) => {
    const run = async (stage: FitStageName): Promise<History> => {
      const { learningRate, optimizer: make, ...args } = settings[stage];
      const chosen = typeof callbacks === 'function' ? callbacks(stage) : callbacks;
      trainOnly(layers[stage]);
      const optimizer = make?.() ?? tf.train.adam(learningRate);
      try {
        compile(optimizer);
        return await fit({ ...args, ...(chosen === undefined ? {} : { callbacks: chosen }) });
      } finally {
        optimizer.dispose();
      }
    };
    dropOptimizer(model);
    return { classifier: await run('classifier'), adapter: await run('adapter') };
  });
  // An optimizer named by a string belongs to the model and is disposed of with it.
  compile('adam');
  return histories;
}

function fitter(model: LayersModel, data: FitTensors | FitDataset): (args: unknown) => Promise<History> {
  // The overloads of `twoStageFit` pair the data with the settings of their kind.
  if ('x' in data && 'y' in data) return (args) => model.fit(data.x, data.y, args as ModelFitArgs);
  if ('iterator' in data) return (args) => model.fitDataset(data, args as ModelFitDatasetArgs<unknown>);
  throw new ConfigError('There is nothing to fit', {
    code: 'FIT_DATA',
    found: `an object with ${Object.keys(data).join(', ') || 'nothing in it'}`,
    expected: 'tensors { x, y } or a tf.data.Dataset',
  });
}

/** `compile` forgets the optimizer that it replaces, also one that only the model has. */
function dropOptimizer(model: LayersModel): void {
  if (model['isOptimizerOwned'] === true) model.optimizer.dispose();
}

/** What each stage trains. */
function stageLayers(
  tf: KerasTf,
  model: LayersModel,
  { classifierLayers, normLayers }: AnyOptions,
): Record<FitStageName, readonly Layer[]> {
  const layers = layersIn(tf, model);
  const adapters = layers.filter(isAdapter);
  if (adapters.length === 0) {
    throw new ConfigError(`The model "${model.name}" has no adapters`, {
      code: 'ADAPTERS_MISSING',
      found: `${layers.length} other layers`,
      expected: 'at least one HadamardAdapter',
      hint: 'Make a model with adapters with injectAdapters, and train that one.',
    });
  }
  const leaves = layers.filter((layer) => !(layer instanceof tf.LayersModel));
  const classifier =
    classifierLayers === undefined
      ? [lastLayer(model, leaves)]
      : selectLayers(leaves, classifierLayers, 'the classifier');
  if (classifier.every(({ weights }) => weights.length === 0)) {
    throw new ConfigError('Stage one would train nothing', {
      code: 'STAGE_EMPTY',
      found: `no weights in ${classifier.map(({ name }) => name).join(', ') || 'no layer'}`,
      expected: 'a classifier with weights',
    });
  }
  const norms =
    normLayers === undefined
      ? nextNorms(tf, model).filter((norm) => !classifier.includes(norm))
      : selectLayers(leaves, normLayers, 'trained with the adapters');
  const both = classifier.filter((layer) => isAdapter(layer) || norms.includes(layer));
  if (both.length > 0) {
    throw new ConfigError('A layer is in both stages', {
      code: 'STAGE_OVERLAP',
      found: both.map(({ name }) => name).join(', '),
      expected: 'classifier layers that are neither adapters nor norms trained with them',
    });
  }
  return { classifier, adapter: [...adapters, ...norms] };
}

function lastLayer({ outputs }: LayersModel, leaves: readonly Layer[]): Layer {
  const last = present(leaves.findLast(({ weights }) => weights.length > 0));
  // An encoder without a classifier ends in one of these; a model with several outputs has a classifier for each.
  if (outputs.length === 1 && !isAdapter(last) && last.getClassName() !== 'LayerNormalization') return last;
  throw new ConfigError('The classifier is not found', {
    code: 'CLASSIFIER_MISSING',
    found:
      outputs.length === 1
        ? `"${last.name}", ${isAdapter(last) ? 'an adapter' : 'a norm'}, as the last layer with weights`
        : `${outputs.length} outputs`,
    expected: 'a classifier as the last layer with weights',
    hint: 'Name it in classifierLayers.',
  });
}

/** Epochs and learning rates of core's plan, unless others are given. */
function stageSettings(stage: FitStageName, given: AnyOptions[FitStageName]): FitStage<{ epochs: number }> {
  const { stages } = twoStage();
  const { epochs, learningRate } = elementAt(stages, stage === 'classifier' ? 0 : 1);
  const settings = { epochs, learningRate, ...given };
  if (Number.isInteger(settings.epochs) && settings.epochs >= 1) return settings;
  throw new ConfigError(`The stage ${stage} is empty`, {
    code: 'STAGE_EMPTY',
    found: `${settings.epochs} epochs`,
    expected: 'an integer of at least 1',
  });
}
