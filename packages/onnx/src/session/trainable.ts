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
import { initialValues } from '../adapt/parameters.js';
import { parameterInfo, type AdapterModel } from '../compile/model.js';
import type { Executor } from './executor.js';

export interface TrainableSettings {
  readonly runtime: string;
  readonly device: string;
  /** Initial values of a classifier matrix. */
  readonly initialize: (parameter: ParameterInfo) => Float32Array;
  /** Rate at which pooled features are dropped in `step`; 0 for none. */
  readonly dropout: number;
  readonly seed: number;
}

/** The contract of core over anything that executes compiled graphs: gradients come from the executor, AdamW runs in core on the flat vector. */
export function makeTrainableModel(
  model: AdapterModel,
  executor: Executor,
  settings: TrainableSettings,
): TrainableModel & { siteInput(batch: Batch, key: string): Promise<Float32Array> } {
  const parameters = model.parameters.map(parameterInfo);
  const places = layout(parameters);
  const values = new Float32Array(places.size);
  for (const parameter of model.parameters) {
    values.set(initialValues(parameter, model.canonical.graph.tensors, settings.initialize), places.offset(parameter.name));
  }
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
      const result = await executor.train(groups, { batch, parameters: values, targets: targetsOf(batch), ...(dropout === undefined ? {} : { dropout }) });
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
    runtime: settings.runtime,
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
      const trained = executor.keptFor();
      if (trained === undefined) return;
      const frozenChanged = parameters.some(({ name, group }) => {
        if (trained.includes(group)) return false;
        const [from, to] = [places.offset(name), places.offset(name) + places.sizeOf(name)];
        return before.subarray(from, to).some((value, i) => !Object.is(value, values[from + i]));
      });
      if (frozenChanged) executor.forget();
    },
    async gradients(batch, groups) {
      check();
      return accumulate([batch], groups, () => undefined);
    },
    async step(batches, { groups, learningRate, weightDecay = 0, betas = [0.9, 0.999], epsilon = 1e-8, maxGradientNorm }) {
      check();
      if (batches.length === 0) throw new DataError('A step needs at least one batch', { code: 'BATCH_EMPTY' });
      const same = optimizer !== undefined && sameGroups(optimizer.groups, groups);
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
      return executor.predict({ batch, parameters: values });
    },
    async encode(batch) {
      check();
      return executor.encode({ batch, parameters: values });
    },
    async siteInput(batch, key) {
      check();
      return executor.siteInput({ batch, parameters: values }, key);
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
    ...(executor.precompute === undefined
      ? {}
      : {
          async precompute(split, groups, options) {
            check();
            return executor.precompute?.(split, groups, values, options) ?? 0;
          },
        }),
    async dispose() {
      disposed = true;
      await executor.dispose();
    },
  };
}

const sameGroups = (left: readonly Group[], right: readonly Group[]): boolean => left.length === right.length && left.every((group) => right.includes(group));
