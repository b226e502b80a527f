import {
  MismatchError,
  adamw,
  clipGradient,
  initialOptimizer,
  type Group,
  type Layout,
  type OptimizerState,
  type StepSettings,
} from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { Executor, MicroBatch, ParameterStore, RunInputs } from '../executor/executor.js';

/** Parameters and optimizer in memory: gradients come from the executor, core's AdamW updates `values` in place. */
export class HostStore implements ParameterStore {
  private readonly values: Float32Array;
  private readonly places: Layout;
  private readonly executor: Pick<Executor, 'train'>;
  private optimizer: OptimizerState | undefined;

  constructor(values: Float32Array, places: Layout, executor: Pick<Executor, 'train'>) {
    this.values = values;
    this.places = places;
    this.executor = executor;
  }

  async read(): Promise<Float32Array> {
    return this.values.slice();
  }

  async write(next: Float32Array): Promise<void> {
    this.values.set(next);
  }

  async readOptimizer(): Promise<OptimizerState | undefined> {
    return this.optimizer === undefined ? undefined : copyOf(this.optimizer);
  }

  async writeOptimizer(state: OptimizerState | undefined): Promise<void> {
    this.optimizer = state === undefined ? undefined : copyOf(state);
  }

  stepsDone(groups: readonly Group[]): number {
    const { optimizer } = this;
    return optimizer !== undefined && sameGroups(optimizer.groups, groups) ? optimizer.step : 0;
  }

  async step(
    parts: readonly MicroBatch[],
    { groups, maxGradientNorm, ...settings }: StepSettings,
  ): Promise<{ loss: number }> {
    const { values, places, optimizer } = this;
    const state =
      optimizer !== undefined && sameGroups(optimizer.groups, groups)
        ? optimizer
        : initialOptimizer(groups, places.sizeOfGroups(groups));
    const { loss, gradients } = await weightedMean(parts, (inputs) => this.executor.train(groups, inputs));
    if (maxGradientNorm !== undefined) clipGradient(gradients, maxGradientNorm);
    const trained = places.gather(values, groups);
    this.optimizer = adamw(trained, gradients, state, settings);
    places.scatter(values, trained, groups);
    return { loss };
  }
}

/** Loss and gradients of all parts together. */
export async function weightedMean(
  parts: readonly MicroBatch[],
  train: (inputs: RunInputs) => ReturnType<Executor['train']>,
): ReturnType<Executor['train']> {
  if (parts.length === 1) return train(elementAt(parts, 0).inputs);
  let total = 0;
  let sum: Float32Array | undefined;
  for (const { inputs, weight } of parts) {
    const { loss, gradients } = await train(inputs);
    total += loss * weight;
    sum ??= new Float32Array(gradients.length);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (gradients[i] ?? 0);
  }
  return { loss: total, gradients: sum ?? new Float32Array(0) };
}

export const copyOf = (state: OptimizerState): OptimizerState => ({
  ...state,
  first: state.first.slice(),
  second: state.second.slice(),
});

export const sameGroups = (left: readonly Group[], right: readonly Group[]): boolean =>
  left.length === right.length && left.every((group) => right.includes(group));

/** @throws MismatchError OPTIMIZER_SHAPE. */
export function checkOptimizer(state: OptimizerState, places: Layout): void {
  const expected = places.sizeOfGroups(state.groups);
  if (state.first.length === expected && state.second.length === expected) return;
  throw new MismatchError('The optimizer state does not fit the model', {
    code: 'OPTIMIZER_SHAPE',
    found: `${state.first.length} numbers`,
    expected: `${expected} for ${state.groups.join(', ')}`,
  });
}
