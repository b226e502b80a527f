import {
  RuntimeError,
  dropoutMask,
  layout,
  targetMatrix,
  DataError,
  type Batch,
  type Group,
  type Layout,
  type Loss,
  type OptimizerState,
  type ParameterInfo,
  type StepSettings,
  type TrainableModel,
} from '@hadamard-adapter/core';
import { initialValues, parameterInfo, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { Executor, MakeExecutor, MicroBatch, ParameterStore, RunInputs } from '../executor/executor.js';
import { microBatches } from './micro-batches.js';
import { HostStore, checkOptimizer, weightedMean } from './store.js';

export interface ExecutedSettings {
  readonly runtime: string;
  readonly device: string;
  /** Normally distributed initial values of some deviation. */
  readonly initialize: (parameter: ParameterInfo, deviation: number) => Float32Array;
  /** Rate at which pooled features are dropped in `step`; 0 for none. */
  readonly dropout: number;
  readonly seed: number;
}

type Precompute = NonNullable<TrainableModel['precompute']>;

/**
 * The contract of core over anything that executes compiled graphs. Parameters and AdamW live in memory unless the
 * executor keeps them on its device. Its methods are its own properties, so that a session is spread into another.
 */
export class ExecutedModel implements TrainableModel {
  readonly runtime: string;
  readonly device: string;
  readonly parameters: readonly ParameterInfo[];
  readonly numLabels: number;
  readonly loss: Loss;
  /** Absent where nothing can be kept. */
  declare readonly precompute?: Precompute;
  readonly #model: AdapterModel;
  readonly #settings: ExecutedSettings;
  readonly #places: Layout;
  readonly #executor: Executor;
  readonly #store: ParameterStore;
  /** Whether rows 2i and 2i + 1 of a batch belong together. */
  readonly #inPairs: boolean;
  #disposed = false;

  constructor(model: AdapterModel, makeExecutor: MakeExecutor, settings: ExecutedSettings) {
    const { numLabels, loss, head } = model.options;
    this.runtime = settings.runtime;
    this.device = settings.device;
    this.numLabels = numLabels;
    this.loss = loss;
    this.parameters = model.parameters.map(parameterInfo);
    this.#model = model;
    this.#settings = settings;
    this.#places = layout(this.parameters);
    const values = this.#initialValues();
    this.#executor = makeExecutor(values);
    this.#store = this.#executor.store ?? new HostStore(values, this.#places, this.#executor);
    this.#inPairs = head === 'cosine';
    // Kept activations are found by example, not by text.
    if (this.#executor.precompute !== undefined && !this.#inPairs)
      this.precompute = async (split, groups, options) => {
        this.#check();
        return this.#executor.precompute?.(split, groups, options) ?? 0;
      };
  }

  readonly read = async (groups?: readonly Group[]): Promise<Float32Array> => {
    this.#check();
    const all = await this.#store.read();
    return groups === undefined ? all : this.#places.gather(all, groups);
  };

  readonly write = async (next: Float32Array, groups?: readonly Group[]): Promise<void> => {
    this.#check();
    const before = await this.#store.read();
    const after = before.slice();
    this.#places.scatter(after, next, groups);
    await this.#store.write(after);
    // Kept activations depend on everything that the stage does not train.
    const trained = this.#executor.cachedGroups();
    if (trained !== undefined && this.#frozenChanged(trained, before, after)) this.#executor.forget();
  };

  readonly gradients = async (
    batch: Batch,
    groups: readonly Group[],
  ): Promise<{ loss: number; gradients: Float32Array }> => {
    this.#check();
    const parts = this.#parts(groups, this.#labelled(batch));
    return weightedMean(parts, (inputs) => this.#executor.train(groups, inputs));
  };

  readonly step = async (batches: readonly Batch[], step: StepSettings): Promise<{ loss: number }> => {
    this.#check();
    if (batches.length === 0) throw new DataError('A step needs at least one batch', { code: 'BATCH_EMPTY' });
    // Kept activations were computed with what this step is about to change.
    const kept = this.#executor.cachedGroups();
    if (kept !== undefined && !step.groups.every((group) => kept.includes(group))) this.#executor.forget();
    const rows = batches.reduce((sum, { batch }) => sum + batch, 0);
    const done = this.#store.stepsDone(step.groups);
    return this.#store.step(
      batches.flatMap((batch, index) =>
        this.#parts(step.groups, this.#dropped(this.#labelled(batch), done, index), batch.batch / rows),
      ),
      step,
    );
  };

  readonly predict = async (batch: Batch): Promise<Float32Array> => {
    this.#check();
    this.#checkPairs(batch);
    const logits = await this.#executor.predict({ batch });
    // Both texts of a pair have the same answer.
    return this.#inPairs ? logits.filter((_, row) => row % 2 === 0) : logits;
  };

  readonly encode = async (batch: Batch): Promise<Float32Array> => {
    this.#check();
    return this.#executor.encode({ batch });
  };

  /** What the adapter `key` is applied to, [batch, sequence, channels]. */
  readonly siteInput = async (batch: Batch, key: string): Promise<Float32Array> => {
    this.#check();
    return this.#executor.siteInput({ batch }, key);
  };

  readonly readOptimizer = async (): Promise<OptimizerState | undefined> => {
    this.#check();
    return this.#store.readOptimizer();
  };

  readonly writeOptimizer = async (state: OptimizerState | undefined): Promise<void> => {
    this.#check();
    if (state !== undefined) checkOptimizer(state, this.#places);
    await this.#store.writeOptimizer(state);
  };

  readonly dispose = async (): Promise<void> => {
    this.#disposed = true;
    await this.#executor.dispose();
  };

  #initialValues(): Float32Array {
    const values = new Float32Array(this.#places.size);
    for (const parameter of this.#model.parameters) {
      values.set(
        initialValues(parameter, this.#model.canonical.graph.tensors, this.#settings.initialize),
        this.#places.offset(parameter.name),
      );
    }
    return values;
  }

  #check(): void {
    if (this.#disposed)
      throw new RuntimeError('The model has been disposed', { code: 'MODEL_DISPOSED', hint: 'Load it again.' });
  }

  #checkPairs(batch: Batch): void {
    if ((batch.pairs === true) === this.#inPairs && (!this.#inPairs || batch.batch % 2 === 0)) return;
    throw new DataError('The batch does not fit the head', {
      code: 'BATCH_PAIRS',
      found: `${batch.batch} texts${batch.pairs === true ? ' in pairs' : ''}`,
      expected: this.#inPairs ? 'pairs of texts' : 'single texts',
    });
  }

  #labelled(batch: Batch): RunInputs {
    if (batch.labels === undefined)
      throw new DataError('The batch has no labels', { code: 'BATCH_LABELS', expected: 'labels to learn from' });
    this.#checkPairs(batch);
    const { loss, numLabels } = this;
    if (!this.#inPairs) return { batch, targets: targetMatrix(batch.labels, loss, numLabels, batch) };
    const targets = targetMatrix(batch.labels, loss, numLabels, { batch: batch.batch / 2, sequence: batch.sequence });
    return { batch, targets: Float32Array.from({ length: batch.batch }, (_, row) => elementAt(targets, row >> 1)) };
  }

  #dropped(inputs: RunInputs, step: number, index: number): RunInputs {
    const { dropout, seed } = this.#settings;
    if (dropout === 0) return inputs;
    const size = inputs.batch.batch * this.#model.canonical.hiddenSize;
    return { ...inputs, dropout: dropoutMask(size, dropout, seed, step, index) };
  }

  #parts(groups: readonly Group[], inputs: RunInputs, weight?: number): MicroBatch[] {
    const rows = this.#executor.microBatchRows?.(groups, inputs.batch) ?? inputs.batch.batch;
    return microBatches(inputs, rows, weight);
  }

  /** Whether a parameter of another group than `trained` was written. */
  #frozenChanged(trained: readonly Group[], before: Float32Array, after: Float32Array): boolean {
    return this.parameters.some(
      ({ name, group }) =>
        !trained.includes(group) &&
        this.#places.slice(before, name).some((value, i) => !Object.is(value, after[this.#places.offset(name) + i])),
    );
  }
}
