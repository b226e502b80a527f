import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DataError,
  baselineScores,
  layout,
  decodeCheckpoint,
  encodeCheckpoint,
  evaluate,
  labelsOf,
  rowLoss,
  share,
  train,
  type Checkpoint,
  type Evaluation,
  type Metric,
  type Plan,
  type TrainEvent,
  type TrainResult,
} from '@hadamard-adapter/core';
import { inputLimits } from '@hadamard-adapter/compiler/internal';
import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { checkUnoccupied, checkWritable, writeFolder } from '@hadamard-adapter/hub/node';
import { loadModel, saveAdapter, type AdapterSession, type LoadOptions } from '@hadamard-adapter/onnxruntime';
import { loadTokenizer, tokenize, type ExampleTable, type Tokenizer } from '@hadamard-adapter/tasks';
import * as v from 'valibot';
import { readFolder } from './io/files.js';
import type { ModelFolder } from './io/model-folder.js';

/** A two-stage run, as `train` and `demo` ask for it. */
export interface RunRequest {
  readonly model: ModelFolder;
  readonly task: string;
  readonly metric: Metric;
  readonly train: ExampleTable;
  readonly dev: readonly { readonly name: string; readonly table: ExampleTable }[];
  readonly plan: Plan;
  readonly load: Omit<LoadOptions, 'numLabels'>;
  readonly maxLength?: number;
  readonly maxCacheBytes: number;
  /** Where the adapter folder goes; checkpoints go beside it. */
  readonly output: string;
  readonly resume: boolean;
  /** Keep the best epoch of each stage by the development set instead of the last. Default true. */
  readonly selectBest?: boolean;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
  readonly signal: AbortSignal;
  readonly view: (event: TrainEvent) => void;
}

export interface RunReport {
  readonly task: string;
  /** Name of the score that stages are compared by. */
  readonly metric: string;
  /** The score of always answering with the most frequent class, or the mean. */
  readonly majority: number;
  readonly stages: readonly {
    readonly name: string;
    readonly score: number;
    readonly scores: Readonly<Record<string, number>>;
  }[];
  /** Numbers trained in stage two, without the classifier, as the paper counts. */
  readonly trainable: number;
  readonly total: number;
  readonly share: number;
  readonly seconds: number;
  /** The adapter folder. */
  readonly adapter: string;
  readonly adapterBytes: number;
  readonly examples: number;
  readonly truncated: number;
  /** How the base model stores its matrices. */
  readonly precision: AdapterSession['compiled']['canonical']['precision'];
  /** Rows of the files that could not be used. */
  readonly skipped: number;
  /** Scores on further development sets, by name. */
  readonly further?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface RunOutcome {
  readonly report: RunReport;
  readonly session: AdapterSession;
  readonly tokenizer: Tokenizer;
  readonly labels: readonly string[];
}

const ADAPTER_FILES = [ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ADAPTER_CARD_FILE];

/** Folder of the checkpoint that belongs to an output folder. */
export const checkpointFolder = (output: string): string => `${output.replace(/[\\/]+$/, '')}.checkpoint`;

/**
 * Train both stages, write the adapter folder, report. Answers undefined when interrupted: the checkpoint is then on
 * disk.
 *
 * @throws DataError TOKENIZER_MISSING, CHECKPOINT_MISSING, OUTPUT_UNWRITABLE.
 */
export async function runTraining(request: RunRequest): Promise<RunOutcome | undefined> {
  const started = performance.now();
  const { model: folder, plan, metric, load } = request;
  await checkWritable(request.output);
  await checkUnoccupied(request.output, ADAPTER_FILES);
  const tokenizer = openTokenizer(folder, request.maxLength);
  const splits = {
    train: await tokenize(request.train, tokenizer, { id: 'train', signal: request.signal }),
    dev: await Promise.all(
      request.dev.map(({ name, table }) => tokenize(table, tokenizer, { id: `dev${name}`, signal: request.signal })),
    ),
  };
  const dev = splits.dev[0];
  if (dev === undefined) throw new DataError('There is nothing to evaluate on', { code: 'DATA_FLAGS' });
  const numLabels = request.train.kind === 'regression' ? 1 : request.train.labels.length;
  const session = await loadModel({ graph: folder.graph }, { ...load, numLabels });
  try {
    const identity = {
      base: await session.baseDigest(),
      ...placementOf(session),
      runtime: session.runtime,
      device: session.device,
    };
    const resume = request.resume ? await readCheckpoint(request.output) : undefined;
    const result = await follow(
      train(session, { train: splits.train, dev }, plan, {
        metric,
        identity,
        maxCacheBytes: request.maxCacheBytes,
        checkpointEvery: request.checkpointEvery,
        selectBest: request.selectBest ?? true,
        signal: request.signal,
        ...(resume === undefined ? {} : { resume }),
      }),
      request,
    );
    if (result.interrupted) {
      await session.dispose();
      return undefined;
    }
    const further = await scoreFurther(session, splits.dev.slice(1), metric);
    const report = await finish(request, session, tokenizer, result, {
      majority: majorityScore(splits.train, dev, metric, session),
      truncated: splits.train.truncated,
      further,
    });
    return {
      report: { ...report, seconds: (performance.now() - started) / 1000 },
      session,
      tokenizer,
      labels: request.train.labels,
    };
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/** @throws DataError TOKENIZER_MISSING. */
export function openTokenizer(folder: ModelFolder, maxLength: number | undefined): Tokenizer {
  if (folder.tokenizer === undefined) {
    throw new DataError('The model folder has no tokenizer', {
      code: 'TOKENIZER_MISSING',
      found: `no tokenizer.json in ${folder.path}`,
      hint: 'Save the fast tokenizer beside the model (tokenizer.save_pretrained).',
    });
  }
  return loadTokenizer(folder.tokenizer, {
    ...inputLimits(folder.config),
    ...(folder.tokenizerConfig === undefined ? {} : { config: folder.tokenizerConfig }),
    ...(maxLength === undefined ? {} : { maxLength }),
  });
}

/** Show every event, and put every checkpoint on disk before the next step. */
async function follow(
  events: AsyncGenerator<TrainEvent, TrainResult>,
  { output, view }: RunRequest,
): Promise<TrainResult> {
  for (;;) {
    const next = await events.next();
    if (next.done === true) return next.value;
    if (next.value.type === 'checkpoint')
      await writeFolder(checkpointFolder(output), await encodeCheckpoint(next.value.checkpoint));
    view(next.value);
  }
}

async function readCheckpoint(output: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readFolder(checkpointFolder(output), 'The checkpoint'));
}

function placementOf({ compiled: { options } }: AdapterSession): Record<string, string> {
  const { site, norm, layers, crossAttention = false, pooling, head } = options;
  return {
    site,
    norm,
    layers: layers?.join(',') ?? 'all',
    ...(crossAttention ? { cross_attention: 'yes' } : {}),
    pooling,
    head,
  };
}

function majorityScore(
  trainSplit: Parameters<typeof labelsOf>[0],
  dev: Parameters<typeof labelsOf>[0],
  metric: Metric,
  { loss, numLabels }: AdapterSession,
): number {
  const scores = baselineScores(
    labelsOf(trainSplit, loss, numLabels),
    labelsOf(dev, loss, numLabels),
    metric,
    rowLoss(loss),
    numLabels,
  );
  return scores[metric.main] ?? 0;
}

async function scoreFurther(
  session: AdapterSession,
  splits: readonly Parameters<typeof evaluate>[1][],
  metric: Metric,
): Promise<Record<string, Evaluation['scores']>> {
  const further: Record<string, Evaluation['scores']> = {};
  for (const split of splits) further[split.id] = (await evaluate(session, split, metric)).scores;
  return further;
}

async function finish(
  request: RunRequest,
  session: AdapterSession,
  tokenizer: Tokenizer,
  result: TrainResult,
  {
    majority,
    truncated,
    further,
  }: { majority: number; truncated: number; further: Record<string, Evaluation['scores']> },
): Promise<RunReport> {
  const total = session.compiled.canonical.parameterCount;
  const trainable = layout(session.parameters).sizeOfGroups(['adapter', 'norm']);
  const stages = result.stages.map(({ name, score = 0, scores = {} }) => ({ name, score, scores }));
  const last = stages.at(-1);
  const files = await saveAdapter(session, {
    baseModel: request.model.name,
    labels: request.train.labels,
    ...(request.model.family === undefined ? {} : { family: request.model.family }),
    task: request.task,
    maxLength: tokenizer.maxLength,
    versions: { 'hadamard-adapter': version() },
    card: { metric: request.metric.main, trainable, total, ...(last === undefined ? {} : { scores: last.scores }) },
  });
  await writeFolder(request.output, files);
  return {
    task: request.task,
    metric: request.metric.main,
    majority,
    stages,
    trainable,
    total,
    share: share(trainable, total),
    seconds: 0,
    adapter: request.output,
    adapterBytes: files[ADAPTER_TENSORS_FILE]?.byteLength ?? 0,
    examples: request.train.examples.length,
    truncated,
    skipped: request.train.skipped.length,
    precision: session.compiled.canonical.precision,
    ...(Object.keys(further).length === 0 ? {} : { further }),
  };
}

/** Version of this package. */
export function version(): string {
  const own: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'));
  return v.parse(v.object({ version: v.string() }), own).version;
}
