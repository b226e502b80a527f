import type { Batch, Group } from '@hadamard-adapter/core';
import {
  DROPOUT_INPUT,
  PARAMETERS_INPUT,
  TARGETS_INPUT,
  compileInference,
  compilePrefix,
  compileSiteInput,
  compileTraining,
  trainingFrontiers,
  type ActivationBudget,
  type AdapterModel,
  type Executor,
  type Frontier,
  type Graph,
  type RunInputs,
} from '@hadamard-adapter/onnx';
import type { InferenceSession } from 'onnxruntime-common';
import { chooseFrontier, planActivations, type ActivationStore } from './activations.js';
import { tokenFeeds } from './feeds.js';
import { createSession, floats, runSession, type Feeds, type OrtModule, type SessionSettings } from './session.js';

/** One compiled graph with its session and the inputs it wants. */
interface Program {
  readonly inputs: readonly string[];
  readonly session: InferenceSession;
}

/** Training that starts behind a frontier, and the activations kept for it. */
interface Shortcut {
  readonly groups: readonly Group[];
  readonly frontier: Frontier;
  readonly stores: Map<string, ActivationStore>;
}

/** Rows per batch when activations are computed ahead. */
const PRECOMPUTE_BATCH = 32;

const frontierKey = ({ values }: Frontier): string => values.map(({ name }) => name).join(' ');

const groupsKey = (groups: readonly Group[]): string => [...groups].toSorted().join('+');

/**
 * The sessions of one model: compiled when first needed, run one at a time. With a shortcut set by `precompute`, training and prediction start from kept activations; a batch
 * that was not kept goes through the prefix first, so results never depend on what is in the cache.
 */
export function ortExecutor(ort: OrtModule, model: AdapterModel, settings: SessionSettings): Executor {
  const compiled = new Map<string, Promise<Program>>();
  let shortcut: Shortcut | undefined;
  let largest = { batch: 0, sequence: 0 };

  /** Sessions hold a copy of the weights each: those of an earlier stage are released before new ones are made. */
  const program = async (key: string, compile: () => Graph): Promise<Program> => {
    const existing = compiled.get(key);
    if (existing !== undefined) return existing;
    const created = (async () => {
      const graph = compile();
      return { inputs: graph.inputs.map(({ name }) => name), session: await createSession(ort, graph, settings) };
    })();
    compiled.set(key, created);
    created.catch(() => compiled.delete(key));
    return created;
  };

  const release = async (keep: (key: string) => boolean): Promise<void> => {
    for (const [key, entry] of Array.from(compiled)) {
      if (keep(key)) continue;
      compiled.delete(key);
      await (await entry).session.release();
    }
  };

  const feedsFor = ({ inputs }: Program, { batch, parameters, targets, dropout }: RunInputs, extra: Feeds = {}): Feeds => {
    const feeds: Record<string, Feeds[string]> = { ...tokenFeeds(ort, inputs, batch), ...extra };
    if (inputs.includes(PARAMETERS_INPUT)) feeds[PARAMETERS_INPUT] = new ort.Tensor('float32', parameters, [parameters.length]);
    if (inputs.includes(TARGETS_INPUT) && targets !== undefined) feeds[TARGETS_INPUT] = new ort.Tensor('float32', targets, [batch.batch, model.options.numLabels]);
    if (inputs.includes(DROPOUT_INPUT)) {
      const { hiddenSize } = model.canonical;
      feeds[DROPOUT_INPUT] = new ort.Tensor('float32', dropout ?? new Float32Array(batch.batch * hiddenSize).fill(1), [batch.batch, hiddenSize]);
    }
    return feeds;
  };

  const prefix = (frontier: Frontier): Promise<Program> => program(`prefix:${frontierKey(frontier)}`, () => compilePrefix(model, frontier));

  const activationsOf = async ({ frontier, stores }: Shortcut, inputs: RunInputs): Promise<Feeds> => {
    const { batch } = inputs;
    const kept = batch.source === undefined ? undefined : stores.get(batch.source.split)?.gather(batch);
    const activations = kept ?? (await runPrefix(frontier, inputs));
    const sizeOf = (dim: 'batch' | 'sequence' | number): number => (typeof dim === 'number' ? dim : batch[dim]);
    return Object.fromEntries(frontier.values.map(({ name, dims }, i) => [name, new ort.Tensor('float32', activations[i] as Float32Array, dims.map(sizeOf))]));
  };

  const runPrefix = async (frontier: Frontier, inputs: RunInputs): Promise<Float32Array[]> => {
    const front = await prefix(frontier);
    const names = frontier.values.map(({ name }) => name);
    const results = await runSession(front.session, feedsFor(front, inputs), names);
    return names.map((name) => floats(results, name));
  };

  /** The budget for the largest batch so far; a training graph that was made for a smaller one is given up. */
  const budgetFor = async (name: string, { batch, sequence }: Batch): Promise<ActivationBudget | undefined> => {
    const { maxActivationBytes: maxBytes } = settings;
    if (maxBytes === undefined) return undefined;
    if (batch * sequence > largest.batch * largest.sequence) {
      largest = { batch, sequence };
      await release((key) => key !== name);
    }
    return { maxBytes, ...largest };
  };

  const shortcutFor = (key: string): Shortcut | undefined => (shortcut !== undefined && groupsKey(shortcut.groups) === key ? shortcut : undefined);

  return {
    async train(groups, inputs) {
      const key = groupsKey(groups);
      const short = shortcutFor(key);
      const name = `train:${key}:${short === undefined ? '' : frontierKey(short.frontier)}`;
      const budget = await budgetFor(name, inputs.batch);
      const step = await program(name, () => compileTraining(model, groups, short?.frontier, budget));
      const extra = short === undefined ? {} : await activationsOf(short, inputs);
      const results = await runSession(step.session, feedsFor(step, inputs, extra), ['loss', 'gradients']);
      return { loss: floats(results, 'loss')[0] as number, gradients: floats(results, 'gradients') };
    },

    async predict(inputs) {
      const short = shortcut;
      const infer = await program(`logits:${short === undefined ? '' : frontierKey(short.frontier)}`, () => compileInference(model, ['logits'], short?.frontier));
      const extra = short === undefined ? {} : await activationsOf(short, inputs);
      return floats(await runSession(infer.session, feedsFor(infer, inputs, extra), ['logits']), 'logits');
    },

    async encode(inputs) {
      const infer = await program('hidden', () => compileInference(model, ['hidden']));
      return floats(await runSession(infer.session, feedsFor(infer, inputs), [model.canonical.hidden]), model.canonical.hidden);
    },

    async siteInput(inputs, key) {
      const { graph, output } = compileSiteInput(model, key);
      const infer = await program(`site:${key}`, () => graph);
      return floats(await runSession(infer.session, feedsFor(infer, inputs), [output]), output);
    },

    async precompute(split, groups, parameters, { maxBytes, onProgress, signal }) {
      if (shortcutFor(groupsKey(groups)) === undefined) {
        const frontier = chooseFrontier(split, trainingFrontiers(model, groups), maxBytes);
        await release(() => false);
        shortcut = frontier === undefined ? undefined : { groups, frontier, stores: new Map() };
      }
      if (shortcut === undefined) return 0;
      const { frontier, stores } = shortcut;
      const plan = planActivations(split, frontier, maxBytes, PRECOMPUTE_BATCH);
      let done = 0;
      for (const rows of plan.batches) {
        if (signal?.aborted === true) return 0;
        const batch = split.batch(rows);
        plan.put(batch, await runPrefix(frontier, { batch, parameters }));
        done += rows.length;
        onProgress?.(done, plan.store.kept);
      }
      stores.set(split.id, plan.store);
      return plan.store.kept;
    },

    keptFor: () => shortcut?.groups,
    forget() {
      shortcut = undefined;
    },
    dispose: () => release(() => false),
  };
}
