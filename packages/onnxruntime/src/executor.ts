import type { Batch, Group } from '@hadamard-adapter/core';
import {
  GRADIENTS_OUTPUT,
  PARAMETERS_INPUT,
  compileInference,
  compilePrefix,
  compileSiteInput,
  compileTraining,
  trainingActivations,
  parameterInfo,
  trainingCuts,
  type ActivationBudget,
  type BatchSize,
  type AdapterModel,
  type ActivationCut,
} from '@hadamard-adapter/compiler/internal';
import { floatInput, type Executor, type RetryOnDeviceLoss, type RunInputs } from '@hadamard-adapter/runtime/internal';
import type { Tensor } from 'onnxruntime-common';
import { chooseCut, planActivations, type ActivationStore } from './activations.js';
import pLimit from 'p-limit';
import type { Device, WeightFiles } from './devices/device.js';
import { withoutLock } from './devices/device-lock.js';
import { tokenFeeds } from './feeds.js';
import type { Feeds } from './ort.js';
import { programsOn } from './programs.js';
import { residentStore } from './resident.js';
import { floats, type Session, type SessionSettings } from './session.js';

/** Training that starts behind a cut, and the activations kept for it. */
interface Shortcut {
  readonly groups: readonly Group[];
  readonly cut: ActivationCut;
  readonly stores: Map<string, ActivationStore>;
}

/**
 * A processor is as fast with some rows at a time as with all at once, so that a batch that keeps more than this
 * between forward and backward goes through in parts (BERT-base: four rows of 128 tokens). A GPU has its own memory and
 * wants large batches.
 */
const DEFAULT_ACTIVATION_BYTES = 2 ** 28;
const LOW_MEMORY_ACTIVATION_BYTES = 2 ** 27;

const PREDICTION = { purpose: 'prediction' } as const;

/** Rows per batch when activations are computed ahead. */
const PRECOMPUTE_BATCH = 32;

const cutKey = (short: Shortcut | undefined): string => short?.cut.values.map(({ name }) => name).join(' ') ?? '';

const groupsKey = (groups: readonly Group[]): string => [...groups].toSorted().join('+');

/**
 * Runs what is compiled from one model. With a shortcut set by `precompute`, training and prediction start from kept
 * activations; a batch that was not kept goes through the prefix first, so results never depend on what is in the
 * cache. On devices that can keep tensors, parameters and optimizer stay there.
 */
export function ortExecutor(
  keeper: RetryOnDeviceLoss<Device>,
  model: AdapterModel,
  parameters: Float32Array,
  settings: SessionSettings,
  files?: WeightFiles,
): Executor {
  const ort = (): Device['ort'] => keeper.current.ort;
  const { lowMemory = false } = settings;
  const programs = programsOn(() => keeper.current, { onePurpose: lowMemory, files });
  // A graph must not be released while it runs.
  const inTurn: typeof withoutLock = lowMemory ? pLimit(1) : withoutLock;
  let shortcut: Shortcut | undefined;
  let largest = { batch: 0, sequence: 0 };

  const store =
    keeper.current.resident === undefined
      ? undefined
      : residentStore(model.parameters.map(parameterInfo), parameters, {
          ort,
          session: (key, compile, keep) => programs.get(key, compile, { keep }),
          train: async (groups, inputs) => {
            const results = await runTraining(groups, inputs);
            return { loss: results.get('loss') as Tensor, gradients: results.get(GRADIENTS_OUTPUT) as Tensor };
          },
          retried: (work) => retried(work),
        });
  /** What a lost device held is abandoned before the work is done again on the next one. */
  const retried = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(() =>
      keeper.run(work, () => {
        programs.abandon();
        store?.abandon();
      }),
    );

  const feedsFor = ({ inputs: names }: Session, inputs: RunInputs, extra: Feeds = {}): Feeds => {
    const { Tensor } = ort();
    const feeds: Record<string, Feeds[string]> = { ...tokenFeeds(Tensor, names, inputs.batch), ...extra };
    if (names.includes(PARAMETERS_INPUT))
      feeds[PARAMETERS_INPUT] = store?.parameters() ?? new Tensor('float32', parameters, [parameters.length]);
    for (const name of names) {
      const input = floatInput(model, inputs, name);
      if (input !== undefined) feeds[name] = new Tensor('float32', input.data, input.dims);
    }
    return feeds;
  };

  const activationsOf = async ({ cut, stores }: Shortcut, inputs: RunInputs): Promise<Feeds> => {
    const { batch } = inputs;
    const kept = batch.source === undefined ? undefined : stores.get(batch.source.split)?.gather(batch);
    const activations = kept ?? (await runPrefix(cut, inputs));
    const sizeOf = (dim: 'batch' | 'sequence' | number): number => (typeof dim === 'number' ? dim : batch[dim]);
    return Object.fromEntries(
      cut.values.map(({ name, dims }, i) => [
        name,
        new (ort().Tensor)('float32', activations[i] as Float32Array, dims.map(sizeOf)),
      ]),
    );
  };

  const runPrefix = async (cut: ActivationCut, inputs: RunInputs): Promise<Float32Array[]> => {
    const names = cut.values.map(({ name }) => name);
    const front = await programs.get(`prefix:${names.join(' ')}`, () => compilePrefix(model, cut));
    const results = await front.run(feedsFor(front, inputs), names);
    return Promise.all(names.map((name) => floats(results, name)));
  };

  const shortcutFor = (groups: readonly Group[]): Shortcut | undefined =>
    shortcut !== undefined && groupsKey(shortcut.groups) === groupsKey(groups) ? shortcut : undefined;

  /** The budget for the largest batch so far; a training graph that was made for a smaller one is given up. */
  const budgetFor = async (key: string, { batch, sequence }: Batch): Promise<ActivationBudget | undefined> => {
    const { maxActivationBytes: maxBytes } = settings;
    if (maxBytes === undefined) return undefined;
    if (batch * sequence > largest.batch * largest.sequence) {
      largest = { batch, sequence };
      await programs.drop(key);
    }
    return { maxBytes, ...largest };
  };

  const runTraining = async (groups: readonly Group[], inputs: RunInputs): ReturnType<Session['run']> => {
    const short = shortcutFor(groups);
    const key = `train:${groupsKey(groups)}:${cutKey(short)}`;
    const budget = await budgetFor(key, inputs.batch);
    const step = await programs.get(key, () => compileTraining(model, groups, short?.cut, budget), {
      keep: ['loss', GRADIENTS_OUTPUT],
      purpose: 'training',
    });
    const extra = short === undefined ? {} : await activationsOf(short, inputs);
    return step.run(feedsFor(step, inputs, extra), ['loss', GRADIENTS_OUTPUT]);
  };

  /** What a row keeps does not depend on the others, so one with this many tokens is measured. */
  const activations = new Map<string, (size: BatchSize) => number>();
  const rowBytes = (groups: readonly Group[], sequence: number): number => {
    const short = shortcutFor(groups);
    const key = `${groupsKey(groups)}:${cutKey(short)}`;
    const bytes = activations.get(key) ?? trainingActivations(model, groups, short?.cut);
    activations.set(key, bytes);
    return bytes({ batch: 1, sequence });
  };

  return {
    ...(store === undefined ? {} : { store }),
    microBatchRows(groups, { batch, sequence }) {
      const maxBytes =
        settings.maxActivationBytes ??
        (lowMemory
          ? LOW_MEMORY_ACTIVATION_BYTES
          : store === undefined
            ? DEFAULT_ACTIVATION_BYTES
            : Number.POSITIVE_INFINITY);
      return maxBytes === Number.POSITIVE_INFINITY
        ? batch
        : Math.max(1, Math.floor(maxBytes / rowBytes(groups, sequence)));
    },
    train: (groups, inputs) =>
      retried(async () => {
        const results = await runTraining(groups, inputs);
        return {
          loss: (await floats(results, 'loss'))[0] as number,
          gradients: await floats(results, GRADIENTS_OUTPUT),
        };
      }),

    predict: (inputs) =>
      retried(async () => {
        const short = shortcut;
        const infer = await programs.get(
          `logits:${cutKey(short)}`,
          () => compileInference(model, ['logits'], short?.cut),
          PREDICTION,
        );
        const extra = short === undefined ? {} : await activationsOf(short, inputs);
        return floats(await infer.run(feedsFor(infer, inputs, extra), ['logits']), 'logits');
      }),

    encode: (inputs) =>
      retried(async () => {
        const infer = await programs.get('hidden', () => compileInference(model, ['hidden']), PREDICTION);
        return floats(await infer.run(feedsFor(infer, inputs), [model.canonical.hidden]), model.canonical.hidden);
      }),

    siteInput(inputs, key) {
      const { graph, output } = compileSiteInput(model, key);
      return retried(async () => {
        const infer = await programs.get(`site:${key}`, () => graph, PREDICTION);
        return floats(await infer.run(feedsFor(infer, inputs), [output]), output);
      });
    },

    async precompute(split, groups, { maxBytes, onProgress, signal }) {
      if (shortcutFor(groups) === undefined) {
        const cut = chooseCut(split, trainingCuts(model, groups), maxBytes);
        await programs.release();
        shortcut = cut === undefined ? undefined : { groups, cut, stores: new Map() };
      }
      if (shortcut === undefined) return 0;
      const { cut, stores } = shortcut;
      const plan = planActivations(split, cut, maxBytes, PRECOMPUTE_BATCH);
      let done = 0;
      for (const rows of plan.batches) {
        if (signal?.aborted === true) return 0;
        const batch = await split.batch(rows);
        plan.put(batch, await retried(() => runPrefix(cut, { batch })));
        done += rows.length;
        onProgress?.(done, plan.store.kept);
      }
      stores.set(split.id, plan.store);
      return plan.store.kept;
    },

    cachedGroups: () => shortcut?.groups,
    forget() {
      shortcut = undefined;
    },
    async dispose() {
      store?.dispose();
      await programs.release();
      files?.dispose();
      keeper.close();
    },
  };
}
