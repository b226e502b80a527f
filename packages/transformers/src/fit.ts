import { METRICS, RuntimeError, decodeAdapter, train, twoStage, type Files, type StageResult } from '@hadamard-adapter/core';
import { loadAdapter, optionsForAdapter, saveAdapter, type AdapterSession, type Graph, type SessionOptions } from '@hadamard-adapter/onnx';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import type { LibraryTokenizer } from './library.js';
import { labelNames, tokenizeTexts, type LabelledTexts } from './texts.js';
import type { AddOptions, FitOptions } from './types.js';

/** What an adapter is trained on. */
export interface FitBase {
  readonly graph: Graph;
  readonly tokenizer: LibraryTokenizer;
  /** Tokens after which texts are cut. */
  readonly longest: number;
  /** Device and threads. */
  readonly place: { readonly device?: string; readonly threads?: number };
  /** For the adapter folder. */
  readonly id: string;
  readonly family: string | undefined;
}

/**
 * Train an adapter in two stages, from the start or from where `before` is.
 *
 * @throws DataError TEXT_EMPTY, LABEL_COUNT, LABEL_UNKNOWN; RuntimeError ABORTED; as `loadModel` and core's `train`.
 */
export async function fitAdapter(base: FitBase, data: LabelledTexts, options: FitOptions, before: Files | undefined): Promise<{ files: Files; stages: readonly StageResult[] }> {
  const { tokenizer, longest } = base;
  const { metric = METRICS.accuracy, seed = 0, signal, on_progress: onProgress, eval_dataset: dev } = options;
  const known = before === undefined ? undefined : decodeAdapter(before).config;
  const labels = known === undefined ? (namesOf(options.id2label) ?? labelNames(data)) : Object.values(known.id2label);
  const splits = { train: tokenizeTexts('train', data, tokenizer, longest, labels), ...(dev === undefined ? {} : { dev: tokenizeTexts('dev', dev, tokenizer, longest, labels) }) };
  return withSession(base, { ...placementOf(known ?? options), numLabels: labels.length, seed }, before, async (session) => {
    let stages: readonly StageResult[] = [];
    for await (const event of train(session, splits, planOf(options), { metric, ...(signal === undefined ? {} : { signal }) })) {
      onProgress?.(event);
      if (event.type === 'end') stages = event.result.stages;
      if (event.type === 'interrupted') throw new RuntimeError('Training was stopped', { code: 'ABORTED', hint: 'Adapters are as they were before.' });
    }
    return { stages, files: await saved(session, base, labels) };
  });
}

/** An adapter that has learned nothing yet. */
export function newAdapter(base: FitBase, { id2label, seed = 0, ...placement }: AddOptions): Promise<Files> {
  const labels = namesOf(id2label) ?? [];
  return withSession(base, { ...placementOf(placement), numLabels: labels.length, seed }, undefined, (session) => saved(session, base, labels));
}

/** The base with an adapter folded into its weights, an ONNX file in chunks. */
export function merged(base: FitBase, files: Files): Promise<Uint8Array[]> {
  return withSession(base, optionsForAdapter(decodeAdapter(files).config), files, (session) => session.fold());
}

async function withSession<T>({ graph, place }: FitBase, options: SessionOptions, before: Files | undefined, work: (session: AdapterSession) => Promise<T>): Promise<T> {
  const session = await loadModel({ graph }, { ...place, ...options });
  try {
    if (before !== undefined) await loadAdapter(session, before);
    return await work(session);
  } finally {
    await session.dispose();
  }
}

const saved = (session: AdapterSession, { id, family, longest }: FitBase, labels: readonly string[]): Promise<Files> =>
  saveAdapter(session, { baseModel: id, labels, ...(family === undefined ? {} : { family }), maxLength: longest });

type Placement = Pick<SessionOptions, 'site' | 'norm' | 'layers' | 'pooling' | 'dropout'>;

function placementOf({ site, norm, layers, pooling, dropout }: Placement): Placement {
  return Object.fromEntries(Object.entries({ site, norm, layers, pooling, dropout }).filter(([, value]) => value !== undefined));
}

function namesOf(id2label: FitOptions['id2label']): string[] | undefined {
  if (id2label === undefined || Array.isArray(id2label)) return id2label === undefined ? undefined : [...(id2label as readonly string[])];
  return Object.entries(id2label as Readonly<Record<string, string>>)
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
}

function planOf({ num_train_epochs: epochs, learning_rate: learningRate, per_device_train_batch_size: batchSize, classifier, seed = 0 }: FitOptions): ReturnType<typeof twoStage> {
  const common = batchSize === undefined ? {} : { batchSize };
  return twoStage({ classifier: { ...common, ...classifier }, adapter: { ...common, ...(epochs === undefined ? {} : { epochs }), ...(learningRate === undefined ? {} : { learningRate }) }, seed });
}
