import { layout, type Group, type OptimizerState, type ParameterInfo, type StepSettings } from '@hadamard-adapter/core';
import {
  UPDATE_SETTINGS,
  compileAccumulation,
  compileUpdate,
  type UpdateSettings,
} from '@hadamard-adapter/compiler/internal';
import {
  checkOptimizer,
  deviceLost,
  sameGroups,
  type MicroBatch,
  type ParameterStore,
  type RunInputs,
} from '@hadamard-adapter/runtime/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { Tensor } from 'onnxruntime-common';
import type { OrtModule } from './ort.js';
import { floats, type Session } from './session.js';

/**
 * Up to this many numbers the whole state comes back with the loss of every step: adapters, never a base that is
 * trained with them.
 */
const MOST_MIRRORED = 2 ** 20;

/** What the store needs of the executor. */
export interface ResidentHost {
  readonly ort: () => OrtModule;
  /** A session for a small graph of its own, kept under `key`; outputs in `keep` stay on the device. */
  session(key: string, compile: () => Graph, keep: readonly string[]): Promise<Session>;
  /** Forward and backward pass whose results stay on the device. */
  train(groups: readonly Group[], inputs: RunInputs): Promise<{ loss: Tensor; gradients: Tensor }>;
  /** Run `work`; if the device is lost meanwhile, once more on a new one. */
  retried<T>(work: () => Promise<T>): Promise<T>;
}

/** Tensors of the state on the device. */
interface OnDevice {
  parameters: Tensor;
  moments: { readonly groups: readonly Group[]; first: Tensor; second: Tensor } | undefined;
}

/** The same in memory, as of the last step. */
interface Mirror {
  values: Float32Array;
  optimizer: OptimizerState | undefined;
}

export interface ResidentStore extends ParameterStore {
  /** The parameters as a tensor to feed. */
  parameters(): Tensor;
  /** Forget what is on the device: it is gone. What was mirrored is sent to the next one. */
  abandon(): void;
  dispose(): void;
}

/**
 * Parameters and moments on the device between steps: gradients go from the training graph into the update graph
 * without coming to memory. With the loss, which has to come anyway, the state of small parameter sets is copied to
 * memory in the same transfer, so that nothing is lost with the device and reading it is free.
 */
export function residentStore(
  infos: readonly ParameterInfo[],
  initial: Float32Array,
  host: ResidentHost,
): ResidentStore {
  const places = layout(infos);
  const mirror: Mirror = { values: initial.slice(), optimizer: undefined };
  /** Whether the mirror is what is on the device. */
  let mirrored = true;
  let device: OnDevice | undefined;
  /** The device took a state with it that was nowhere else. */
  let strayed = false;

  const tensor = (data: Float32Array, dims: readonly number[] = [data.length]): Tensor =>
    new (host.ort().Tensor)('float32', data, dims);
  const resident = (): OnDevice => {
    if (strayed) throw lostState();
    return (device ??= { parameters: tensor(mirror.values), moments: undefined });
  };
  const momentsOf = (groups: readonly Group[]): NonNullable<OnDevice['moments']> => {
    const state = resident();
    if (state.moments !== undefined && sameGroups(state.moments.groups, groups)) return state.moments;
    dispose(state.moments?.first, state.moments?.second);
    const { optimizer } = mirror;
    const known = optimizer !== undefined && sameGroups(optimizer.groups, groups);
    const size = places.sizeOfGroups(groups);
    return (state.moments = {
      groups,
      first: tensor(known ? optimizer.first : new Float32Array(size)),
      second: tensor(known ? optimizer.second : new Float32Array(size)),
    });
  };
  /** Bring what is on the device to memory, if it is not there yet. */
  const fetch = async (): Promise<Mirror> => {
    if (strayed) throw lostState();
    if (mirrored || device === undefined) return mirror;
    mirror.values = (await device.parameters.getData()) as Float32Array;
    if (device.moments !== undefined && mirror.optimizer !== undefined) {
      const [first, second] = [await device.moments.first.getData(), await device.moments.second.getData()];
      mirror.optimizer = { ...mirror.optimizer, first: first as Float32Array, second: second as Float32Array };
    }
    mirrored = true;
    return mirror;
  };
  const stepsDone = (groups: readonly Group[]): number =>
    mirror.optimizer !== undefined && sameGroups(mirror.optimizer.groups, groups) ? mirror.optimizer.step : 0;

  /** Weighted mean of several micro-batches, on the device. */
  const accumulated = async (
    parts: readonly MicroBatch[],
    groups: readonly Group[],
  ): Promise<{ loss: Tensor; gradients: Tensor }> => {
    if (parts.length === 1) return host.train(groups, (parts[0] as MicroBatch).inputs);
    const size = places.sizeOfGroups(groups);
    const add = await host.session(`accumulate:${size}`, () => compileAccumulation(size), ['sum_next', 'loss_next']);
    let sum = { loss: tensor(new Float32Array(1), []), gradients: tensor(new Float32Array(size)) };
    for (const { inputs, weight } of parts) {
      const part = await host.train(groups, inputs);
      const results = await add.run(
        {
          sum: sum.gradients,
          gradients: part.gradients,
          loss_sum: sum.loss,
          loss: part.loss,
          weight: tensor(Float32Array.of(weight), []),
        },
        ['sum_next', 'loss_next'],
      );
      dispose(sum.gradients, sum.loss, part.gradients, part.loss);
      sum = { gradients: results.get('sum_next') as Tensor, loss: results.get('loss_next') as Tensor };
    }
    return sum;
  };

  const step = async (parts: readonly MicroBatch[], settings: StepSettings): Promise<{ loss: number }> => {
    const { groups } = settings;
    const mean = await accumulated(parts, groups);
    const ranges = places.groupRanges(groups);
    const trained = places.sizeOfGroups(groups);
    const snapshot = places.size + 2 * trained <= MOST_MIRRORED;
    const update = await host.session(
      `update:${groups.join('+')}`,
      () => compileUpdate({ size: places.size, ranges, snapshot }),
      ['parameters_next', 'first_next', 'second_next'],
    );
    const state = resident();
    const moments = momentsOf(groups);
    const done = stepsDone(groups) + 1;
    const feeds = {
      parameters: state.parameters,
      first: moments.first,
      second: moments.second,
      gradients: mean.gradients,
      settings: tensor(updateSettings(settings, done)),
      ...(snapshot ? { loss: mean.loss } : {}),
    };
    const results = await update.run(feeds, [
      'parameters_next',
      'first_next',
      'second_next',
      ...(snapshot ? ['snapshot'] : []),
    ]);
    const whole = snapshot ? await floats(results, 'snapshot') : undefined;
    const loss = whole?.[0] ?? (((await mean.loss.getData()) as Float32Array)[0] as number);
    dispose(state.parameters, moments.first, moments.second, mean.gradients, mean.loss);
    state.parameters = results.get('parameters_next') as Tensor;
    state.moments = {
      groups,
      first: results.get('first_next') as Tensor,
      second: results.get('second_next') as Tensor,
    };
    if (whole === undefined) {
      mirror.optimizer = { groups, step: done, first: new Float32Array(0), second: new Float32Array(0) };
      mirrored = false;
    } else {
      const [values, first] = [1 + places.size, 1 + places.size + trained];
      mirror.values = whole.slice(1, values);
      mirror.optimizer = {
        groups,
        step: done,
        first: whole.slice(values, first),
        second: whole.slice(first, first + trained),
      };
      mirrored = true;
    }
    return { loss };
  };

  const clear = (): void => {
    dispose(device?.parameters, device?.moments?.first, device?.moments?.second);
    device = undefined;
  };

  return {
    read: async () => (await fetch()).values.slice(),
    async write(values) {
      if (!strayed) await fetch();
      clear();
      mirror.values = values.slice();
      [strayed, mirrored] = [false, true];
    },
    async readOptimizer() {
      const { optimizer } = await fetch();
      return optimizer === undefined
        ? undefined
        : { ...optimizer, first: optimizer.first.slice(), second: optimizer.second.slice() };
    },
    async writeOptimizer(state) {
      if (state !== undefined) checkOptimizer(state, places);
      await fetch();
      clear();
      mirror.optimizer =
        state === undefined ? undefined : { ...state, first: state.first.slice(), second: state.second.slice() };
    },
    stepsDone,
    step: (parts, settings) => host.retried(() => step(parts, settings)),
    parameters: () => resident().parameters,
    abandon() {
      if (!mirrored) strayed = true;
      device = undefined;
    },
    dispose: clear,
  };
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

function dispose(...tensors: readonly (Tensor | undefined)[]): void {
  // Those in memory have nothing to free, and may be views of what is still needed.
  for (const tensor of tensors) if (tensor?.location === 'gpu-buffer') tensor.dispose();
}
