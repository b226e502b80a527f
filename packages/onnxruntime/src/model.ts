import {
  MismatchError,
  RuntimeError,
  adamw,
  clipGradient,
  dropoutMask,
  layout,
  targetMatrix,
  DataError,
  type Batch,
  type Group,
  type OptimizerState,
  type ParameterInfo,
  type TrainableModel,
} from '@hadamard-adapter/core';
import { initialValues, parameterInfo, type AdapterModel } from '@hadamard-adapter/onnx';
import { groupsKey, makePrograms } from './programs.js';
import type { OrtModule, SessionSettings } from './session.js';

export interface ModelSettings extends SessionSettings {
  readonly device: string;
  /** Initial values of a classifier matrix. */
  readonly initialize: (parameter: ParameterInfo) => Float32Array;
  /** Rate at which pooled features are dropped in `step`; 0 for none. */
  readonly dropout: number;
  readonly seed: number;
}

/** The contract of core on ONNX Runtime: gradients come from the compiled graph, AdamW runs in core on the flat vector. */
export function makeTrainableModel(
  ort: OrtModule,
  model: AdapterModel,
  settings: ModelSettings,
): TrainableModel & { siteInput(batch: Batch, key: string): Promise<Float32Array> } {
  const parameters = model.parameters.map(parameterInfo);
  const places = layout(parameters);
  const values = new Float32Array(places.size);
  for (const parameter of model.parameters) {
    values.set(initialValues(parameter, model.canonical.graph.tensors, settings.initialize), places.offset(parameter.name));
  }
  const programs = makePrograms(ort, model, settings);
  const { numLabels, loss } = model.options;
  let optimizer: OptimizerState | undefined;
  let disposed = false;

  const check = (): void => {
    if (disposed) throw new RuntimeError('The model has been disposed', { code: 'MODEL_DISPOSED', hint: 'Load it again.' });
  };
  const take = (groups: readonly Group[]): Float32Array => places.gather(values, groups);
  const targetsOf = ({ labels, batch }: Batch): Float32Array => {
    if (labels === undefined) throw new DataError('The batch has no labels', { code: 'BATCH_LABELS', expected: 'labels to learn from' });
    return targetMatrix(labels, loss, numLabels, batch);
  };

  /** Mean over several micro-batches, each weighted by its rows. */
  const accumulate = async (batches: readonly Batch[], groups: readonly Group[], maskOf: (batch: Batch, index: number) => Float32Array | undefined) => {
    const rows = batches.reduce((sum, { batch }) => sum + batch, 0);
    let total = 0;
    let sum: Float32Array | undefined;
    for (const [index, batch] of batches.entries()) {
      const dropout = maskOf(batch, index);
      const result = await programs.train(groups, { batch, parameters: values, targets: targetsOf(batch), ...(dropout === undefined ? {} : { dropout }) });
      const weight = batch.batch / rows;
      total += result.loss * weight;
      if (batches.length === 1) sum = result.gradients;
      else {
        sum ??= new Float32Array(result.gradients.length);
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (result.gradients[i] as number);
      }
    }
    return { loss: total, gradients: sum ?? new Float32Array(0) };
  };

  return {
    runtime: 'onnxruntime',
    device: settings.device,
    parameters,
    numLabels,
    loss,
    async read(groups) {
      check();
      return groups === undefined ? values.slice() : take(groups);
    },
    async write(next, groups) {
      check();
      const before = values.slice();
      if (groups === undefined) places.scatter(values, next);
      else places.scatter(values, next, groups);
      // Kept activations depend on everything that the stage does not train.
      const trained = programs.shortcutGroups();
      if (trained === undefined) return;
      const frozenChanged = parameters.some(({ name, group }) => {
        if (trained.split('+').includes(group)) return false;
        const [from, to] = [places.offset(name), places.offset(name) + places.sizeOf(name)];
        return before.subarray(from, to).some((value, i) => !Object.is(value, values[from + i]));
      });
      if (frozenChanged) programs.forget();
    },
    async gradients(batch, groups) {
      check();
      return accumulate([batch], groups, () => undefined);
    },
    async step(batches, { groups, learningRate, weightDecay = 0, betas = [0.9, 0.999], epsilon = 1e-8, maxGradientNorm }) {
      check();
      if (batches.length === 0) throw new DataError('A step needs at least one batch', { code: 'BATCH_EMPTY' });
      const same = optimizer !== undefined && groupsKey(optimizer.groups) === groupsKey(groups);
      const size = places.sizeOfGroups(groups);
      const state = same && optimizer !== undefined ? optimizer : { groups, step: 0, first: new Float32Array(size), second: new Float32Array(size) };
      const masks = (batch: Batch, index: number): Float32Array | undefined =>
        settings.dropout === 0 ? undefined : dropoutMask(batch.batch * model.canonical.hiddenSize, settings.dropout, settings.seed, state.step, index);
      const result = await accumulate(batches, groups, masks);
      if (maxGradientNorm !== undefined) clipGradient(result.gradients, maxGradientNorm);
      const trained = take(groups);
      optimizer = adamw(trained, result.gradients, state, { learningRate, weightDecay, betas, epsilon });
      places.scatter(values, trained, groups);
      return { loss: result.loss };
    },
    async predict(batch) {
      check();
      return programs.predict({ batch, parameters: values });
    },
    async encode(batch) {
      check();
      return programs.encode({ batch, parameters: values });
    },
    async siteInput(batch, key) {
      check();
      return programs.siteInput({ batch, parameters: values }, key);
    },
    async readOptimizer() {
      check();
      return optimizer === undefined ? undefined : { ...optimizer, first: optimizer.first.slice(), second: optimizer.second.slice() };
    },
    async writeOptimizer(state) {
      check();
      if (state !== undefined && state.first.length !== places.sizeOfGroups(state.groups)) {
        throw new MismatchError('The optimizer state does not fit the model', {
          code: 'OPTIMIZER_SHAPE',
          found: `${state.first.length} numbers`,
          expected: `${places.sizeOfGroups(state.groups)} for ${state.groups.join(', ')}`,
        });
      }
      optimizer = state === undefined ? undefined : { ...state, first: state.first.slice(), second: state.second.slice() };
    },
    async precompute(split, groups, options) {
      check();
      return programs.precompute(split, groups, values, options);
    },
    async dispose() {
      disposed = true;
      await programs.dispose();
    },
  };
}
