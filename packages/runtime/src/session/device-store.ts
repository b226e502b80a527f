import {
  layout,
  type Group,
  type Layout,
  type OptimizerState,
  type ParameterInfo,
  type StepSettings,
} from '@hadamard-adapter/core';
import {
  UPDATE_SETTINGS,
  compileAccumulation,
  compileUpdate,
  type UpdateSettings,
} from '@hadamard-adapter/compiler/internal';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { deviceLost } from '../devices/failures.js';
import type { MicroBatch, ParameterStore, RunInputs } from '../executor/executor.js';
import { checkOptimizer, copyOf, sameGroups } from './store.js';

/**
 * Up to this many numbers the whole state comes back with the loss of every step: adapters, never a base that is
 * trained with them.
 */
const MOST_MIRRORED = 2 ** 20;

/** A small graph on the device. */
export interface StoreProgram<Tensor> {
  run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<ReadonlyMap<string, Tensor>>;
}

/** What the store needs of the executor. `Tensor`s lie on the device, or in memory to be fed. */
export interface StoreDevice<Tensor> {
  tensor(data: Float32Array, dims: readonly number[]): Tensor;
  /** The numbers of a tensor, which stays. */
  read(tensor: Tensor): Promise<Float32Array>;
  /** Free what a tensor holds on the device. */
  free(tensor: Tensor): void;
  /** A small graph of its own, kept under `key`; outputs in `keep` stay on the device. */
  program(key: string, compile: () => Graph, keep: readonly string[]): Promise<StoreProgram<Tensor>>;
  /** Forward and backward pass whose results stay on the device. */
  train(groups: readonly Group[], inputs: RunInputs): Promise<TrainResults<Tensor>>;
  /** Run `work`; if the device is lost meanwhile, once more on a new one. */
  retried<T>(work: () => Promise<T>): Promise<T>;
}

export interface TrainResults<Tensor> {
  readonly loss: Tensor;
  readonly gradients: Tensor;
}

interface Moments<Tensor> {
  readonly groups: readonly Group[];
  readonly first: Tensor;
  readonly second: Tensor;
}

/** Tensors of the state on the device. */
interface OnDevice<Tensor> {
  parameters: Tensor;
  moments: Moments<Tensor> | undefined;
}

/** The same in memory, as of the last step. */
interface Mirror {
  values: Float32Array;
  optimizer: OptimizerState | undefined;
}

const KEPT_OF_UPDATE = ['parameters_next', 'first_next', 'second_next'] as const;
const KEPT_OF_SUM = ['sum_next', 'loss_next'] as const;

/**
 * Parameters and moments on the device between steps: gradients go from the training graph into the update graph
 * without coming to memory. With the loss, which has to come anyway, the state of small parameter sets is copied to
 * memory in the same transfer, so that nothing is lost with the device and reading it is free.
 */
export class DeviceStore<Tensor> implements ParameterStore {
  private readonly places: Layout;
  private readonly device: StoreDevice<Tensor>;
  private readonly mirror: Mirror;
  /** Whether the mirror is what is on the device. */
  private mirrored = true;
  private state: OnDevice<Tensor> | undefined;
  /** The device took a state with it that was nowhere else. */
  private strayed = false;

  constructor(infos: readonly ParameterInfo[], initial: Float32Array, device: StoreDevice<Tensor>) {
    this.places = layout(infos);
    this.device = device;
    this.mirror = { values: initial.slice(), optimizer: undefined };
  }

  /** The parameters as a tensor to feed. */
  get parameters(): Tensor {
    return this.onDevice().parameters;
  }

  async read(): Promise<Float32Array> {
    return (await this.fetch()).values.slice();
  }

  async write(values: Float32Array): Promise<void> {
    if (!this.strayed) await this.fetch();
    this.dispose();
    this.mirror.values = values.slice();
    [this.strayed, this.mirrored] = [false, true];
  }

  async readOptimizer(): Promise<OptimizerState | undefined> {
    const { optimizer } = await this.fetch();
    return optimizer === undefined ? undefined : copyOf(optimizer);
  }

  async writeOptimizer(state: OptimizerState | undefined): Promise<void> {
    if (state !== undefined) checkOptimizer(state, this.places);
    await this.fetch();
    this.dispose();
    this.mirror.optimizer = state === undefined ? undefined : copyOf(state);
  }

  stepsDone(groups: readonly Group[]): number {
    const { optimizer } = this.mirror;
    return optimizer !== undefined && sameGroups(optimizer.groups, groups) ? optimizer.step : 0;
  }

  step(parts: readonly MicroBatch[], settings: StepSettings): Promise<{ loss: number }> {
    return this.device.retried(() => this.stepOnce(parts, settings));
  }

  /** Forget what is on the device: it is gone. What was mirrored is sent to the next one. */
  abandon(): void {
    if (!this.mirrored) this.strayed = true;
    this.state = undefined;
  }

  /** Free what is on the device. */
  dispose(): void {
    const { parameters, moments } = this.state ?? {};
    this.free(parameters, moments?.first, moments?.second);
    this.state = undefined;
  }

  private async stepOnce(parts: readonly MicroBatch[], settings: StepSettings): Promise<{ loss: number }> {
    const { groups } = settings;
    const { places } = this;
    const mean = await this.accumulated(parts, groups);
    const ranges = places.groupRanges(groups);
    const trained = places.sizeOfGroups(groups);
    const snapshot = places.size + 2 * trained <= MOST_MIRRORED;
    const update = await this.device.program(
      `update:${groups.join('+')}`,
      () => compileUpdate({ size: places.size, ranges, snapshot }),
      KEPT_OF_UPDATE,
    );
    const state = this.onDevice();
    const moments = this.momentsOf(groups);
    const done = this.stepsDone(groups) + 1;
    const feeds = {
      parameters: state.parameters,
      first: moments.first,
      second: moments.second,
      gradients: mean.gradients,
      settings: this.tensor(updateSettings(settings, done)),
      // An input also of the graph that does not answer it.
      loss: mean.loss,
    };
    const results = await update.run(feeds, [...KEPT_OF_UPDATE, ...(snapshot ? ['snapshot'] : [])]);
    const whole = snapshot ? await this.device.read(present(results.get('snapshot'))) : undefined;
    const loss = elementAt(whole ?? (await this.device.read(mean.loss)), 0);
    this.free(state.parameters, moments.first, moments.second, mean.gradients, mean.loss);
    const kept = KEPT_OF_UPDATE.map((name) => present(results.get(name)));
    state.parameters = elementAt(kept, 0);
    state.moments = { groups, first: elementAt(kept, 1), second: elementAt(kept, 2) };
    this.keepMirror(whole, groups, done);
    return { loss };
  }

  /** @param whole loss, parameters and both moments; undefined when they stay on the device alone. */
  private keepMirror(whole: Float32Array | undefined, groups: readonly Group[], step: number): void {
    const { mirror, places } = this;
    if (whole === undefined) {
      mirror.optimizer = { groups, step, first: new Float32Array(0), second: new Float32Array(0) };
      this.mirrored = false;
      return;
    }
    const trained = places.sizeOfGroups(groups);
    const [values, first] = [1 + places.size, 1 + places.size + trained];
    mirror.values = whole.slice(1, values);
    mirror.optimizer = {
      groups,
      step,
      first: whole.slice(values, first),
      second: whole.slice(first, first + trained),
    };
    this.mirrored = true;
  }

  private tensor(data: Float32Array, dims: readonly number[] = [data.length]): Tensor {
    return this.device.tensor(data, dims);
  }

  private free(...tensors: readonly (Tensor | undefined)[]): void {
    for (const tensor of tensors) if (tensor !== undefined) this.device.free(tensor);
  }

  private onDevice(): OnDevice<Tensor> {
    if (this.strayed) throw lostState();
    return (this.state ??= { parameters: this.tensor(this.mirror.values), moments: undefined });
  }

  private momentsOf(groups: readonly Group[]): Moments<Tensor> {
    const state = this.onDevice();
    if (state.moments !== undefined && sameGroups(state.moments.groups, groups)) return state.moments;
    this.free(state.moments?.first, state.moments?.second);
    const { optimizer } = this.mirror;
    const known = optimizer !== undefined && sameGroups(optimizer.groups, groups);
    const size = this.places.sizeOfGroups(groups);
    return (state.moments = {
      groups,
      first: this.tensor(known ? optimizer.first : new Float32Array(size)),
      second: this.tensor(known ? optimizer.second : new Float32Array(size)),
    });
  }

  /** Bring what is on the device to memory, if it is not there yet. */
  private async fetch(): Promise<Mirror> {
    if (this.strayed) throw lostState();
    const { mirror, state } = this;
    if (this.mirrored || state === undefined) return mirror;
    mirror.values = await this.device.read(state.parameters);
    if (state.moments !== undefined && mirror.optimizer !== undefined) {
      const first = await this.device.read(state.moments.first);
      const second = await this.device.read(state.moments.second);
      mirror.optimizer = { ...mirror.optimizer, first, second };
    }
    this.mirrored = true;
    return mirror;
  }

  /** Weighted mean of several micro-batches, on the device. */
  private async accumulated(parts: readonly MicroBatch[], groups: readonly Group[]): Promise<TrainResults<Tensor>> {
    if (parts.length === 1) return this.device.train(groups, elementAt(parts, 0).inputs);
    const size = this.places.sizeOfGroups(groups);
    const add = await this.device.program(`accumulate:${size}`, () => compileAccumulation(size), KEPT_OF_SUM);
    let sum = { loss: this.tensor(new Float32Array(1), []), gradients: this.tensor(new Float32Array(size)) };
    for (const { inputs, weight } of parts) {
      const part = await this.device.train(groups, inputs);
      const feeds = {
        sum: sum.gradients,
        gradients: part.gradients,
        loss_sum: sum.loss,
        loss: part.loss,
        weight: this.tensor(Float32Array.of(weight), []),
      };
      const results = await add.run(feeds, KEPT_OF_SUM);
      this.free(sum.gradients, sum.loss, part.gradients, part.loss);
      sum = { gradients: present(results.get('sum_next')), loss: present(results.get('loss_next')) };
    }
    return sum;
  }
}

/** The numbers of core's `adamw` for one step, in the order of the graph's input. */
function updateSettings(
  {
    learningRate,
    weightDecay = 0,
    betas: [beta1, beta2] = [0.9, 0.999],
    epsilon = 1e-8,
    maxGradientNorm,
  }: StepSettings,
  step: number,
): Float32Array {
  const settings: UpdateSettings = {
    decay: 1 - learningRate * weightDecay,
    stepSize: learningRate / (1 - beta1 ** step),
    beta1,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    secondCorrection: Math.sqrt(1 - beta2 ** step),
    epsilon,
    // Float32 has nothing larger: a factor above 1 clips nothing.
    maxGradientNorm: maxGradientNorm ?? 3e38,
  };
  return Float32Array.from(UPDATE_SETTINGS, (name) => settings[name]);
}

const lostState = (): Error =>
  deviceLost('webgpu', 'the parameters were on it alone, being too many to copy after every step');
