import {
  evaluate,
  layout,
  train,
  writeSafetensors,
  type Files,
  type Group,
  type TrainEvent,
  type TrainResult,
} from '@hadamard-adapter/core';
import { adapterTensors } from '@hadamard-adapter/core/folder';
import { loadModel, saveAdapter, type AdapterSession } from '@hadamard-adapter/onnxruntime';
import { planOf, sessionOf } from '../methods.js';
import { version } from '@hadamard-adapter/cli/internal';
import type { Environment, Prepared } from './environment.js';
import type { RunResult } from './result.js';
import { decodeRunCheckpoint, encodeRunCheckpoint } from './run-checkpoint.js';
import type { Run } from './run.js';

/** Where the state of running runs is kept. Nothing that happens to it may end a run. */
export interface CheckpointStore {
  load(key: string): Promise<Files | undefined>;
  save(key: string, files: Files): Promise<void>;
}

export interface ExecuteOptions {
  readonly threads: number;
  readonly checkpoints: CheckpointStore;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
  /** Aborting ends the run after its current step with a checkpoint. */
  readonly signal: AbortSignal;
  /** Training begins, or goes on from a checkpoint. */
  readonly onStart?: (resumed: boolean) => void;
  /** The part of the run that is done, 0 … 1. */
  readonly onProgress?: (done: number) => void;
}

/** The same for every run: it decides which activations are computed in one batch, and so the last bits. */
const CACHE_BYTES = 512 * 2 ** 20;

/** A trained base is kept up to this size: biases are, all weights are not. */
const MAX_BASE_BYTES = 2 ** 20;

/**
 * Train one run from its checkpoint, or from the start, and score it. The same run gives the same bits wherever and
 * however often it is interrupted, on the same kind of processor with the same number of threads.
 *
 * @returns undefined when it was interrupted; its checkpoint is then in the store.
 * @throws MismatchError RUN_MODEL, RUN_DATA; what reading, loading and training throw.
 */
export async function executeRun(
  run: Run,
  environment: Environment,
  options: ExecuteOptions,
): Promise<RunResult | undefined> {
  const started = performance.now();
  const { settings, seed } = run;
  const prepared = await environment.prepare(run);
  const { data, train: trainSplit, dev: devSplits } = prepared;
  const [dev, ...further] = devSplits;
  const numLabels = data.train?.kind === 'classification' ? data.train.labels.length : 1;
  const { threads, checkpoints, checkpointEvery, signal } = options;
  const session = await loadModel(
    { graph: environment.model.graph },
    { ...sessionOf(settings), numLabels, seed, threads, arithmetic: run.arithmetic, device: run.device ?? 'cpu' },
  );
  try {
    const plan = planOf(settings, seed);
    const identity = { run: run.key, runtime: session.runtime, device: session.device };
    const files = await checkpoints.load(run.key);
    const kept =
      files === undefined
        ? undefined
        : await decodeRunCheckpoint(files, { plan, identity, parameters: session.parameters });
    const seconds = (): number => (kept?.seconds ?? 0) + (performance.now() - started) / 1000;
    options.onStart?.(kept !== undefined);
    const events = train(session, { train: trainSplit, ...(dev === undefined ? {} : { dev }) }, plan, {
      metric: data.metric,
      identity,
      maxCacheBytes: CACHE_BYTES,
      checkpointEvery,
      signal,
      ...(kept === undefined ? {} : { resume: kept.checkpoint }),
    });
    const result = await follow(events, run, options, { stages: plan.stages.length, seconds });
    if (result.interrupted) return undefined;
    const last = result.stages.at(-1);
    const scores: Record<string, number> = { ...last?.scores };
    for (const [index, split] of further.entries()) {
      const suffix = data.dev[index + 1]?.name ?? '';
      for (const [name, score] of Object.entries((await evaluate(session, split, data.metric)).scores))
        scores[`${name}${suffix}`] = score;
    }
    const trained = plan.stages.flatMap(({ groups }) => groups).filter((group) => group !== 'classifier');
    const trainable = layout(session.parameters).sizeOfGroups(trained);
    const total = session.compiled.canonical.parameterCount;
    return {
      metric: data.metric.main,
      score: last?.score ?? 0,
      scores,
      stages: result.stages,
      history: result.history,
      trainable,
      total,
      seconds: seconds(),
      weights: await weightsOf(session, run),
      ...(settings.method === 'hadamard'
        ? {
            files: await adapterFolder(session, run, environment, prepared, {
              trainable,
              total,
              scores: last?.scores ?? {},
            }),
          }
        : {}),
    };
  } finally {
    await session.dispose();
  }
}

/** Keep every checkpoint before the next step, and tell how far the run is. */
async function follow(
  events: AsyncGenerator<TrainEvent, TrainResult>,
  { key }: Run,
  { checkpoints, onProgress }: ExecuteOptions,
  { stages, seconds }: { readonly stages: number; readonly seconds: () => number },
): Promise<TrainResult> {
  for (;;) {
    const next = await events.next();
    if (next.done === true) return next.value;
    const event = next.value;
    if (event.type === 'checkpoint')
      await checkpoints.save(key, await encodeRunCheckpoint(event.checkpoint, seconds()));
    if (event.type === 'step') onProgress?.((event.stageIndex + event.step / event.totalSteps) / stages);
  }
}

async function weightsOf(session: AdapterSession, { key }: Run): Promise<Uint8Array> {
  const base = layout(session.parameters).sizeOfGroups(['base']) * 4;
  const kept: Group[] = ['classifier', 'adapter', 'norm', ...(base <= MAX_BASE_BYTES ? (['base'] as const) : [])];
  const parameters = session.parameters.filter(({ group }) => kept.includes(group));
  return writeSafetensors(adapterTensors(parameters, await session.read(kept)), [['run', key]]);
}

async function adapterFolder(
  session: AdapterSession,
  { task, modelName }: Run,
  { model }: Environment,
  { data, tokenizer }: Prepared,
  card: { readonly trainable: number; readonly total: number; readonly scores: Readonly<Record<string, number>> },
): Promise<Files> {
  return saveAdapter(session, {
    baseModel: modelName,
    labels: data.train?.labels ?? [],
    ...(model.family === undefined ? {} : { family: model.family }),
    task,
    maxLength: tokenizer.maxLength,
    versions: { 'hadamard-adapter': version() },
    card: { metric: data.metric.main, ...card },
  });
}
