import {
  RuntimeError,
  dropoutMask,
  layout,
  targetMatrix,
  DataError,
  type Batch,
  type Group,
  type ParameterInfo,
  type TrainableModel,
} from '@hadamard-adapter/core';
import { initialValues, parameterInfo, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import type { MakeExecutor, RunInputs } from './executor.js';
import { microBatches } from './micro-batches.js';
import { checkOptimizer, hostStore, weightedMean, type MicroBatch } from './store.js';

export interface TrainableSettings {
  readonly runtime: string;
  readonly device: string;
  /** Normally distributed initial values of some deviation. */
  readonly initialize: (parameter: ParameterInfo, deviation: number) => Float32Array;
  /** Rate at which pooled features are dropped in `step`; 0 for none. */
  readonly dropout: number;
  readonly seed: number;
}

/**
 * The contract of core over anything that executes compiled graphs. Parameters and AdamW live in memory unless the
 * executor keeps them on its device.
 */
export function makeTrainableModel(
  model: AdapterModel,
  makeExecutor: MakeExecutor,
  settings: TrainableSettings,
): TrainableModel & { siteInput(batch: Batch, key: string): Promise<Float32Array> } {
  const parameters = model.parameters.map(parameterInfo);
  const places = layout(parameters);
  const values = new Float32Array(places.size);
  for (const parameter of model.parameters) {
    values.set(
      initialValues(parameter, model.canonical.graph.tensors, settings.initialize),
      places.offset(parameter.name),
    );
  }
  const executor = makeExecutor(values);
  const store = executor.store ?? hostStore(values, places, executor.train);
  const { numLabels, loss, head } = model.options;
  const inPairs = head === 'cosine';
  let disposed = false;

  const check = (): void => {
    if (disposed)
      throw new RuntimeError('The model has been disposed', { code: 'MODEL_DISPOSED', hint: 'Load it again.' });
  };
  const labelled = (batch: Batch): RunInputs => {
    if (batch.labels === undefined)
      throw new DataError('The batch has no labels', { code: 'BATCH_LABELS', expected: 'labels to learn from' });
    checkPairs(batch);
    if (!inPairs) return { batch, targets: targetMatrix(batch.labels, loss, numLabels, batch) };
    const targets = targetMatrix(batch.labels, loss, numLabels, { batch: batch.batch / 2, sequence: batch.sequence });
    return { batch, targets: Float32Array.from({ length: batch.batch }, (_, row) => targets[row >> 1] as number) };
  };
  const checkPairs = (batch: Batch): void => {
    if ((batch.pairs === true) === inPairs && (!inPairs || batch.batch % 2 === 0)) return;
    throw new DataError('The batch does not fit the head', {
      code: 'BATCH_PAIRS',
      found: `${batch.batch} texts${batch.pairs === true ? ' in pairs' : ''}`,
      expected: inPairs ? 'pairs of texts' : 'single texts',
    });
  };
  const dropped = (inputs: RunInputs, step: number, index: number): RunInputs => {
    if (settings.dropout === 0) return inputs;
    return {
      ...inputs,
      dropout: dropoutMask(
        inputs.batch.batch * model.canonical.hiddenSize,
        settings.dropout,
        settings.seed,
        step,
        index,
      ),
    };
  };

  const parts = (groups: readonly Group[], inputs: RunInputs, weight?: number): MicroBatch[] =>
    microBatches(inputs, executor.microBatchRows?.(groups, inputs.batch) ?? inputs.batch.batch, weight);

  return {
    runtime: settings.runtime,
    device: settings.device,
    parameters,
    numLabels,
    loss,
    async read(groups) {
      check();
      const all = await store.read();
      return groups === undefined ? all : places.gather(all, groups);
    },
    async write(next, groups) {
      check();
      const before = await store.read();
      const after = before.slice();
      places.scatter(after, next, groups);
      await store.write(after);
      // Kept activations depend on everything that the stage does not train.
      const trained = executor.cachedGroups();
      if (trained === undefined) return;
      const frozenChanged = parameters.some(
        ({ name, group }) =>
          !trained.includes(group) &&
          places.slice(before, name).some((value, i) => !Object.is(value, after[places.offset(name) + i])),
      );
      if (frozenChanged) executor.forget();
    },
    async gradients(batch, groups) {
      check();
      return weightedMean(parts(groups, labelled(batch)), (inputs) => executor.train(groups, inputs));
    },
    async step(batches, step) {
      check();
      if (batches.length === 0) throw new DataError('A step needs at least one batch', { code: 'BATCH_EMPTY' });
      // Kept activations were computed with what this step is about to change.
      const kept = executor.cachedGroups();
      if (kept !== undefined && !step.groups.every((group) => kept.includes(group))) executor.forget();
      const rows = batches.reduce((sum, { batch }) => sum + batch, 0);
      const done = store.stepsDone(step.groups);
      return store.step(
        batches.flatMap((batch, index) =>
          parts(step.groups, dropped(labelled(batch), done, index), batch.batch / rows),
        ),
        step,
      );
    },
    async predict(batch) {
      check();
      checkPairs(batch);
      const logits = await executor.predict({ batch });
      // Both texts of a pair have the same answer.
      return inPairs ? logits.filter((_, row) => row % 2 === 0) : logits;
    },
    async encode(batch) {
      check();
      return executor.encode({ batch });
    },
    async siteInput(batch, key) {
      check();
      return executor.siteInput({ batch }, key);
    },
    async readOptimizer() {
      check();
      return store.readOptimizer();
    },
    async writeOptimizer(state) {
      check();
      if (state !== undefined) checkOptimizer(state, places);
      await store.writeOptimizer(state);
    },
    // Kept activations are found by example, not by text.
    ...(executor.precompute === undefined || inPairs
      ? {}
      : {
          async precompute(
            split: Parameters<NonNullable<TrainableModel['precompute']>>[0],
            groups: readonly Group[],
            options: Parameters<NonNullable<TrainableModel['precompute']>>[2],
          ) {
            check();
            return executor.precompute?.(split, groups, options) ?? 0;
          },
        }),
    async dispose() {
      disposed = true;
      await executor.dispose();
    },
  };
}
