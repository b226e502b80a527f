import { RuntimeError, layout, train, twoStage, type Files, type Plan, type StageResult } from '@hadamard-adapter/core';
import { decodeAdapter, type CardInfo } from '@hadamard-adapter/core/folder';
import {
  loadAdapter,
  optionsForAdapter,
  saveAdapter,
  type AdapterSession,
  type SessionOptions,
} from '@hadamard-adapter/runtime/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import type { Reader } from './data/reader.js';
import type { Row, Task } from './task.js';
import type { AddOptions, FitOptions } from './types.js';

/** Data in columns, however it came. */
export function inColumns<Data extends object>(task: Pick<Task<Data>, 'columns'>, data: Data | readonly Row[]): Data {
  return isTable(data) ? task.columns(data) : data;
}

// `Array.isArray` does not tell a read-only array from other data.
const isTable = (data: object): data is readonly Row[] => Array.isArray(data);

/** What an adapter is trained on. */
export interface FitBase extends Reader {
  readonly graph: Graph;
  /** Device and threads. */
  readonly place: { readonly device?: string; readonly threads?: number };
  /** For the adapter folder. */
  readonly id: string;
  readonly family: string | undefined;
}

/**
 * Train an adapter in two stages, from the start or from where `before` is; where there is no classifier, in the second
 * alone.
 *
 * @throws DataError for data that is not as the task wants it; RuntimeError ABORTED; as `loadModel` and core's `train`.
 */
export async function fitAdapter<Data extends object>(
  base: FitBase,
  task: Task<Data>,
  given: Data | readonly Row[],
  options: FitOptions<Data>,
  before: Files | undefined,
): Promise<{ files: Files; stages: readonly StageResult[] }> {
  const { seed = 0, signal, on_progress: onProgress, eval_dataset: dev } = options;
  const data = inColumns(task, given);
  const known = before === undefined ? undefined : decodeAdapter(before).config;
  const labels =
    known === undefined ? (namesOf(options.id2label) ?? task.labelNames(data)) : Object.values(known.id2label);
  const { metric = task.metric(labels) } = options;
  const splits = {
    train: task.split('train', data, base, labels),
    ...(dev === undefined ? {} : { dev: task.split('dev', inColumns(task, dev), base, labels) }),
  };
  return withSession(
    base,
    {
      ...placementOf(known ?? options),
      ...task.session,
      ...poolingOf(task, known ?? options),
      numLabels: labels.length,
      seed,
    },
    before,
    async (session) => {
      let stages: readonly StageResult[] = [];
      for await (const event of train(session, splits, planOf(options, task), {
        metric,
        ...(signal === undefined ? {} : { signal }),
      })) {
        onProgress?.(event);
        if (event.type === 'end') stages = event.result.stages;
        if (event.type === 'interrupted')
          throw new RuntimeError('Training was stopped', {
            code: 'ABORTED',
            hint: 'Adapters are as they were before.',
          });
      }
      const { scores } = stages.at(-1) ?? {};
      return {
        stages,
        files: await saved(session, base, labels, scores === undefined ? {} : { metric: metric.main, scores }),
      };
    },
  );
}

/** An adapter that has learned nothing yet. */
export function newAdapter<Data>(
  base: FitBase,
  task: Task<Data>,
  { id2label, seed = 0, ...placement }: AddOptions,
): Promise<Files> {
  // Without data: the names that a task has anyway.
  const labels = namesOf(id2label) ?? task.labelNames({} as Data);
  return withSession(
    base,
    { ...placementOf(placement), ...task.session, ...poolingOf(task, placement), numLabels: labels.length, seed },
    undefined,
    (session) => saved(session, base, labels),
  );
}

/** The base with an adapter folded into its weights, an ONNX file in chunks. */
export function merged(base: FitBase, files: Files): Promise<Uint8Array[]> {
  return withSession(base, optionsForAdapter(decodeAdapter(files).config), files, (session) => session.fold());
}

async function withSession<T>(
  { graph, place }: FitBase,
  options: SessionOptions,
  before: Files | undefined,
  work: (session: AdapterSession) => Promise<T>,
): Promise<T> {
  const session = await loadModel({ graph }, { ...place, ...options });
  try {
    if (before !== undefined) await loadAdapter(session, before);
    return await work(session);
  } finally {
    await session.dispose();
  }
}

function saved(
  session: AdapterSession,
  { id, family, longest }: FitBase,
  labels: readonly string[],
  card: CardInfo = {},
): Promise<Files> {
  const trainable = layout(session.parameters).sizeOfGroups(['adapter', 'norm']);
  return saveAdapter(session, {
    baseModel: id,
    labels,
    ...(family === undefined ? {} : { family }),
    maxLength: longest,
    card: { trainable, total: session.compiled.canonical.parameterCount, ...card },
  });
}

type Placement = Pick<SessionOptions, 'site' | 'norm' | 'layers' | 'dropout'>;

function placementOf({ site, norm, layers, dropout }: Placement): Placement {
  return Object.fromEntries(Object.entries({ site, norm, layers, dropout }).filter(([, value]) => value !== undefined));
}

const poolingOf = (
  { session }: Pick<Task<never>, 'session'>,
  { pooling }: Pick<SessionOptions, 'pooling'>,
): Pick<SessionOptions, 'pooling'> => (session.pooling === 'none' || pooling === undefined ? {} : { pooling });

function namesOf(id2label: FitOptions<unknown>['id2label']): string[] | undefined {
  if (id2label === undefined) return undefined;
  // The entries of a list have its indices as keys.
  return Object.entries<string>(id2label)
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
}

function planOf<Data>(
  {
    num_train_epochs: epochs,
    learning_rate: learningRate,
    per_device_train_batch_size: batchSize,
    classifier,
    seed = 0,
  }: FitOptions<Data>,
  { session }: Task<Data>,
): Plan {
  const common = batchSize === undefined ? {} : { batchSize };
  const plan = twoStage({
    classifier: { ...common, ...classifier },
    adapter: {
      ...common,
      ...(epochs === undefined ? {} : { epochs }),
      ...(learningRate === undefined ? {} : { learningRate }),
    },
    seed,
  });
  return session.head === 'cosine'
    ? { ...plan, stages: plan.stages.filter(({ groups }) => !groups.includes('classifier')) }
    : plan;
}
