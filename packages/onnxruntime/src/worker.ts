import type { Batch, Group, PrecomputeOptions, Split } from '@hadamard-adapter/core';
import type { AdapterSession } from '@hadamard-adapter/runtime/internal';
import { expose } from 'comlink';
import type { LoadOptions } from './load.js';
import { loadModel } from './web.js';
import { answer, type Answer, type Forwarded, type SessionFacts } from './worker/protocol.js';

/** What travels of the base model: bytes, a File, or an address. */
export type SentModel = ArrayBuffer | Uint8Array | Blob | string;

/** A split whose rows stay on the page; batches are asked for. */
export type SentSplit = Pick<Split, 'id' | 'size' | 'lengths'>;

export type BatchOf = (rows: Int32Array) => Promise<Batch>;

/** The other end of `loadModelInWorker`: one model in a worker of its own, so that the page never waits for it. */
export interface ModelWorker {
  load(
    model: SentModel,
    options: Omit<LoadOptions, 'ort' | 'signal' | 'onNotice' | 'onDownload'>,
    onNotice: LoadOptions['onNotice'],
    onDownload: LoadOptions['onDownload'],
  ): Promise<Answer<SessionFacts>>;
  call(method: Forwarded, parameters: readonly unknown[]): Promise<Answer<unknown>>;
  precompute(
    split: SentSplit,
    batchOf: BatchOf,
    groups: readonly Group[],
    maxBytes: number,
    onProgress: PrecomputeOptions['onProgress'],
  ): Promise<Answer<number>>;
  /** End a precomputation after its current batch. */
  stop(): void;
}

let session: AdapterSession | undefined;
let stopping: AbortController | undefined;

const loaded = (): AdapterSession => {
  if (session === undefined) throw new Error('no model was loaded in this worker');
  return session;
};

const worker: ModelWorker = {
  load: (model, options, onNotice, onDownload) =>
    answer(async () => {
      const source = typeof model === 'string' ? new URL(model) : model;
      session = await loadModel(
        { model: source },
        {
          ...options,
          ...(onNotice === undefined ? {} : { onNotice }),
          ...(onDownload === undefined ? {} : { onDownload }),
        },
      );
      const { runtime, device, numLabels, loss, parameters, compiled } = session;
      const { hidden, hiddenSize, numLabels: own, cut, parameters: total, precision } = compiled.canonical;
      return {
        runtime,
        device,
        numLabels,
        loss,
        parameters,
        compiled: {
          sites: compiled.sites,
          options: compiled.options,
          canonical: { hidden, hiddenSize, numLabels: own, cut, parameters: total, precision },
        },
      };
    }),
  call: (method, parameters) =>
    answer(async () => (loaded()[method] as (...values: readonly unknown[]) => Promise<unknown>)(...parameters)),
  precompute: (split, batchOf, groups, maxBytes, onProgress) =>
    answer(async () => {
      stopping = new AbortController();
      // The batches come as promises, which is all that the executor asks of them.
      const source = { ...split, batch: batchOf } as unknown as Split;
      return (
        (await loaded().precompute?.(source, groups, {
          maxBytes,
          signal: stopping.signal,
          ...(onProgress === undefined ? {} : { onProgress }),
        })) ?? 0
      );
    }),
  stop: () => stopping?.abort(),
};

expose(worker);
