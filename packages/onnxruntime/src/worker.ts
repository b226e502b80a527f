import type { Split } from '@hadamard-adapter/core';
import type { AdapterSession } from '@hadamard-adapter/runtime/internal';
import { expose } from 'comlink';
import { loadModel } from './web.js';
import { answer, type ModelWorker } from './worker/protocol.js';

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
      const { hidden, hiddenSize, numLabels: own, cut, parameterCount, precision } = compiled.canonical;
      return {
        runtime,
        device,
        numLabels,
        loss,
        parameters,
        compiled: {
          sites: compiled.sites,
          options: compiled.options,
          canonical: { hidden, hiddenSize, numLabels: own, cut, parameterCount, precision },
        },
      };
    }),
  // Each method takes other parameters; the page has called it by its own type.
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
