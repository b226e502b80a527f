import { RuntimeError, type Group, type PrecomputeOptions, type Split } from '@hadamard-adapter/core';
import type { AdapterSession } from '@hadamard-adapter/runtime/internal';
import { proxy, transfer, wrap } from 'comlink';
import type { LoadOptions } from '../load.js';
import type { ModelBytes } from '../source.js';
import { FORWARDED, unwrap, type Forwarded, type ModelWorker } from './protocol.js';

export interface WorkerOptions extends Omit<LoadOptions, 'ort' | 'signal'> {
  /**
   * The worker to load the model into; default: a new one of `@hadamard-adapter/onnxruntime/worker`. It ends with the
   * session.
   */
  readonly worker?: Worker;
}

/**
 * `loadModel` in a worker: the same session, computed elsewhere, so that the page stays responsive while it trains. An
 * ArrayBuffer moves to the worker and is empty here afterwards; Files and addresses are read there.
 *
 * @throws as `loadModel`; RuntimeError WORKER_FAILED when the worker cannot be started or ends by itself. A running
 *   call then rejects too.
 */
export async function loadModelInWorker(
  { model }: { readonly model: ModelBytes },
  { worker = startWorker(), onNotice, onDownload, ...options }: WorkerOptions,
): Promise<AdapterSession> {
  // Every method but `stop` answers a promise on either side; comlink's own type takes the unions of answers apart.
  const remote = wrap(worker) as unknown as ModelWorker;
  const failure = failureOf(worker);
  const orFail = <T>(work: Promise<T>): Promise<T> => Promise.race([work, failure]);
  const sent = model instanceof URL ? model.href : model instanceof ArrayBuffer ? transfer(model, [model]) : model;
  try {
    const facts = unwrap(
      await orFail(
        remote.load(
          sent,
          options,
          callback(onNotice ?? (({ message }) => console.info(message))),
          callback(onDownload),
        ),
      ),
    );
    const call = async (method: Forwarded, parameters: readonly unknown[]): Promise<unknown> =>
      unwrap(await orFail(remote.call(method, parameters)));
    // Object.fromEntries forgets which name has which method.
    const methods = Object.fromEntries(
      FORWARDED.map((method) => [method, (...parameters: unknown[]) => call(method, parameters)]),
    ) as unknown as Pick<AdapterSession, Forwarded>;
    return {
      ...facts,
      ...methods,
      async precompute(split: Split, groups: readonly Group[], { maxBytes, onProgress, signal }: PrecomputeOptions) {
        const { id, size, lengths } = split;
        const stop = (): void => void remote.stop();
        signal?.addEventListener('abort', stop);
        try {
          if (signal?.aborted === true) return 0;
          return unwrap(
            await orFail(
              remote.precompute(
                { id, size, lengths },
                proxy(async (rows: Int32Array) => split.batch(rows)),
                groups,
                maxBytes,
                callback(onProgress),
              ),
            ),
          );
        } finally {
          signal?.removeEventListener('abort', stop);
        }
      },
      async dispose() {
        await call('dispose', []).finally(() => worker.terminate());
      },
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** Bundlers look for exactly this expression. */
function startWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}

/** Functions stay here; the worker calls them through a port. */
const callback = <F extends ((...values: never[]) => unknown) | undefined>(work: F): F =>
  work === undefined ? work : (proxy(work) as F);

/** Rejects when the worker breaks down; never resolves. */
function failureOf(worker: Worker): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) =>
      reject(
        new RuntimeError('The worker broke down', {
          code: 'WORKER_FAILED',
          found: event.message === '' ? 'no message; its script may not have been found' : event.message,
          hint: 'Does the bundler emit workers as ES modules (Vite: worker.format "es")?',
        }),
      ),
    );
  });
  failure.catch(() => undefined);
  return failure;
}
