import type { Batch, Group, PrecomputeOptions } from '@hadamard-adapter/core';
import {
  GRADIENTS_OUTPUT,
  PARAMETERS_INPUT,
  compileInference,
  compilePrefix,
  compileSiteInput,
  compileTraining,
  trainingCuts,
  type ActivationCut,
  type AdapterModel,
} from '@hadamard-adapter/compiler/internal';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import {
  ActivationCache,
  ActivationLimit,
  chooseCut,
  cutKey,
  floatInput,
  groupsKey,
  type DeviceStore,
  type Executor,
  type RetryOnDeviceLoss,
  type RunInputs,
  type SplitSource,
  type TrainResults,
} from '@hadamard-adapter/runtime/internal';
import type { Tensor } from 'onnxruntime-common';
import pLimit from 'p-limit';
import { deviceStore } from './device-store.js';
import type { Device, WeightFiles } from './devices/device.js';
import { withoutLock } from './devices/device-lock.js';
import { tokenFeeds } from './feeds.js';
import type { Feeds, OrtModule } from './ort.js';
import { Programs } from './programs.js';
import { floats, type Session, type SessionSettings } from './session.js';

const PREDICTION = { purpose: 'prediction' } as const;
const TRAINING = { keep: ['loss', GRADIENTS_OUTPUT], purpose: 'training' } as const;

/**
 * Runs what is compiled from one model. With a cache filled by `precompute`, training and prediction start from kept
 * activations; a batch that was not kept goes through the prefix first, so results never depend on what is in the
 * cache. On devices that can keep tensors, parameters and optimizer stay there.
 */
export class OrtExecutor implements Executor {
  /** Where parameters and optimizer stay on the device; undefined where they are in `values`. */
  readonly store: DeviceStore<Tensor> | undefined;
  private readonly device: RetryOnDeviceLoss<Device>;
  private readonly model: AdapterModel;
  /** All parameters, flat: the vector lives. */
  private readonly values: Float32Array;
  private readonly files: WeightFiles | undefined;
  private readonly programs: Programs;
  private readonly limit: ActivationLimit;
  /** A graph must not be released while it runs. */
  private readonly inTurn: typeof withoutLock;
  private cache: ActivationCache | undefined;

  constructor(
    device: RetryOnDeviceLoss<Device>,
    model: AdapterModel,
    values: Float32Array,
    { lowMemory = false, maxActivationBytes }: SessionSettings,
    files?: WeightFiles,
  ) {
    const ownMemory = device.current.keepsTensors !== undefined;
    this.device = device;
    this.model = model;
    this.values = values;
    this.files = files;
    this.programs = new Programs(() => device.current, { onePurpose: lowMemory, files });
    this.limit = new ActivationLimit(model, { maxActivationBytes, lowMemory, ownMemory });
    this.inTurn = lowMemory ? pLimit(1) : withoutLock;
    this.store = ownMemory
      ? deviceStore(model, values, {
          ort: () => this.ort,
          programs: this.programs,
          train: (groups, inputs) => this.trainOnDevice(groups, inputs),
          retried: (work) => this.retried(work),
        })
      : undefined;
  }

  microBatchRows(groups: readonly Group[], batch: Batch): number {
    return this.limit.microBatchRows(groups, batch, this.cacheFor(groups)?.cut);
  }

  train(groups: readonly Group[], inputs: RunInputs): Promise<{ loss: number; gradients: Float32Array }> {
    return this.retried(async () => {
      const results = await this.runTraining(groups, inputs);
      return {
        loss: elementAt(await floats(results, 'loss'), 0),
        gradients: await floats(results, GRADIENTS_OUTPUT),
      };
    });
  }

  predict(inputs: RunInputs): Promise<Float32Array> {
    return this.retried(async () => {
      const { cache } = this;
      const session = await this.programs.get(
        `logits:${cutKey(cache?.cut)}`,
        () => compileInference(this.model, ['logits'], cache?.cut),
        PREDICTION,
      );
      const extra = cache === undefined ? {} : await this.activationsOf(cache, inputs);
      return this.answer(session, inputs, 'logits', extra);
    });
  }

  encode(inputs: RunInputs): Promise<Float32Array> {
    return this.retried(async () => {
      const compile = (): ReturnType<typeof compileInference> => compileInference(this.model, ['hidden']);
      const session = await this.programs.get('hidden', compile, PREDICTION);
      return this.answer(session, inputs, this.model.canonical.hidden);
    });
  }

  siteInput(inputs: RunInputs, key: string): Promise<Float32Array> {
    const { graph, output } = compileSiteInput(this.model, key);
    return this.retried(async () => {
      const session = await this.programs.get(`site:${key}`, () => graph, PREDICTION);
      return this.answer(session, inputs, output);
    });
  }

  async precompute(split: SplitSource, groups: readonly Group[], options: PrecomputeOptions): Promise<number> {
    if (this.cacheFor(groups) === undefined) {
      const cut = chooseCut(split, trainingCuts(this.model, groups), options.maxBytes);
      await this.programs.release();
      this.cache = cut === undefined ? undefined : new ActivationCache(groups, cut);
    }
    const { cache } = this;
    if (cache === undefined) return 0;
    return cache.fill(split, (batch) => this.retried(() => this.runPrefix(cache.cut, { batch })), options);
  }

  cachedGroups(): readonly Group[] | undefined {
    return this.cache?.groups;
  }

  forget(): void {
    this.cache = undefined;
  }

  async dispose(): Promise<void> {
    this.store?.dispose();
    await this.programs.release();
    this.files?.dispose();
    this.device.close();
  }

  private get ort(): OrtModule {
    return this.device.current.ort;
  }

  /** What a lost device held is abandoned before the work is done again on the next one. */
  private retried<T>(work: () => Promise<T>): Promise<T> {
    return this.inTurn(() =>
      this.device.run(work, () => {
        this.programs.abandon();
        this.store?.abandon();
      }),
    );
  }

  private cacheFor(groups: readonly Group[]): ActivationCache | undefined {
    return this.cache?.serves(groups) === true ? this.cache : undefined;
  }

  private async answer(session: Session, inputs: RunInputs, output: string, extra?: Feeds): Promise<Float32Array> {
    return floats(await session.run(this.feedsFor(session, inputs, extra), [output]), output);
  }

  private feedsFor({ inputs: names }: Session, inputs: RunInputs, extra: Feeds = {}): Feeds {
    const { Tensor } = this.ort;
    const feeds: Record<string, Feeds[string]> = { ...tokenFeeds(Tensor, names, inputs.batch), ...extra };
    if (names.includes(PARAMETERS_INPUT))
      feeds[PARAMETERS_INPUT] = this.store?.parameters ?? new Tensor('float32', this.values, [this.values.length]);
    for (const name of names) {
      const input = floatInput(this.model, inputs, name);
      if (input !== undefined) feeds[name] = new Tensor('float32', input.data, input.dims);
    }
    return feeds;
  }

  private async activationsOf(cache: ActivationCache, inputs: RunInputs): Promise<Feeds> {
    const { batch } = inputs;
    const { cut } = cache;
    const activations = cache.gather(batch) ?? (await this.runPrefix(cut, inputs));
    const sizeOf = (dim: 'batch' | 'sequence' | number): number => (typeof dim === 'number' ? dim : batch[dim]);
    return Object.fromEntries(
      cut.values.map(({ name, dims }, i) => [
        name,
        new this.ort.Tensor('float32', elementAt(activations, i), dims.map(sizeOf)),
      ]),
    );
  }

  private async runPrefix(cut: ActivationCut, inputs: RunInputs): Promise<Float32Array[]> {
    const names = cut.values.map(({ name }) => name);
    const prefix = await this.programs.get(`prefix:${cutKey(cut)}`, () => compilePrefix(this.model, cut));
    const results = await prefix.run(this.feedsFor(prefix, inputs), names);
    return Promise.all(names.map((name) => floats(results, name)));
  }

  private async runTraining(groups: readonly Group[], inputs: RunInputs): ReturnType<Session['run']> {
    const cache = this.cacheFor(groups);
    const key = `train:${groupsKey(groups)}:${cutKey(cache?.cut)}`;
    if (this.limit.grow(inputs.batch)) await this.programs.drop(key);
    const { budget } = this.limit;
    const session = await this.programs.get(
      key,
      () => compileTraining(this.model, groups, cache?.cut, budget),
      TRAINING,
    );
    const extra = cache === undefined ? {} : await this.activationsOf(cache, inputs);
    return session.run(this.feedsFor(session, inputs, extra), TRAINING.keep);
  }

  private async trainOnDevice(groups: readonly Group[], inputs: RunInputs): Promise<TrainResults<Tensor>> {
    const results = await this.runTraining(groups, inputs);
    return { loss: present(results.get('loss')), gradients: present(results.get(GRADIENTS_OUTPUT)) };
  }
}
