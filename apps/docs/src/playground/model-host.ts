import { HadamardError, RuntimeError } from '@hadamard-adapter/core';
import {
  loadModelInWorker,
  type AdapterSession,
  type DeviceReport,
  type LoadOptions,
} from '@hadamard-adapter/onnxruntime/web';
import type { BaseModel } from './base-model.js';
import { wasmThreads } from './threads.js';

/** A base model with an adapter on it, loaded into the worker. */
export interface OpenModel {
  readonly session: AdapterSession;
  /** Adapters and norms as they are before any training: with them the model answers as if it had no adapter. */
  readonly untrained: Float32Array;
}

export type OpenOptions = Pick<
  LoadOptions,
  'numLabels' | 'site' | 'norm' | 'layers' | 'crossAttention' | 'pooling' | 'head' | 'loss' | 'seed'
> & { readonly device: string };

/** What the base itself is, whatever is put on it. */
export interface BaseFacts {
  readonly digest: string;
  readonly hiddenSize: number;
  readonly layers: number;
}

export interface ModelHost {
  /** Load the runtime and run the base model once: from then on training on WASM fetches nothing. */
  prepare(): Promise<BaseFacts>;
  probe(): Promise<readonly DeviceReport[]>;
  /** Load the base; the model that was open before is closed. */
  open(options: OpenOptions): Promise<OpenModel>;
  close(): Promise<void>;
  /** The model that is open. */
  current(): OpenModel | undefined;
  /** After a failure of the worker itself: the next model gets a new one. */
  discardWorker(): void;
}

/** What a worker does not come back from. */
const FATAL = new Set(['WORKER_FAILED', 'OUT_OF_MEMORY', 'WASM_LOAD', 'SESSION_CREATE', 'SESSION_RUN']);

export const isFatal = (error: unknown): boolean => !(error instanceof HadamardError) || FATAL.has(error.code);

const threads = (): { threads?: number } => {
  const count = wasmThreads();
  return count === undefined ? {} : { threads: count };
};

/**
 * One worker for all models. A session ends its worker when it is disposed; this one is kept, since with the network
 * off there would be no other: its scripts and ONNX Runtime's WebAssembly are fetched when it starts.
 */
export function modelHost(base: BaseModel): ModelHost {
  let kept: { readonly worker: Worker; readonly sessions: AdapterSession[]; readonly end: () => void } | undefined;
  let current: OpenModel | undefined;

  function started(): NonNullable<typeof kept> {
    if (kept === undefined) {
      const worker = new Worker(new URL('./workers/model.worker.ts', import.meta.url), { type: 'module' });
      const end = worker.terminate.bind(worker);
      worker.terminate = () => undefined;
      kept = { worker, sessions: [], end };
    }
    return kept;
  }

  function discardWorker(): void {
    kept?.end();
    kept = undefined;
    current = undefined;
  }

  async function close(): Promise<void> {
    const open = current;
    current = undefined;
    await open?.session.dispose().catch(() => discardWorker());
  }

  async function open(options: OpenOptions): Promise<OpenModel> {
    await close();
    try {
      const { worker, sessions } = started();
      const session = await loadModelInWorker(
        { model: base.model },
        { ...options, ...threads(), worker, onNotice: () => undefined },
      );
      // A session that is collected as garbage tells its worker to listen no more; so none is, as long as the worker is
      // needed.
      sessions.push(session);
      current = { session, untrained: await session.read(['adapter', 'norm']) };
      return current;
    } catch (error) {
      if (isFatal(error)) discardWorker();
      throw error;
    }
  }

  return {
    open,
    close,
    current: () => current,
    discardWorker,
    async prepare() {
      const { session } = await open({ numLabels: 2, device: 'wasm' });
      // Sessions of ONNX Runtime are made when they are needed: this makes one, and with it loads the WebAssembly.
      const { ids, typeIds } = base.tokenizer.encode('One text.');
      await session.predict({
        batch: 1,
        sequence: ids.length,
        inputIds: Int32Array.from(ids),
        attentionMask: new Int32Array(ids.length).fill(1),
        tokenTypeIds: Int32Array.from(typeIds),
      });
      const { hiddenSize } = session.compiled.canonical;
      const facts = {
        digest: await session.baseDigest(),
        hiddenSize,
        layers: new Set(session.compiled.sites.map(({ layer }) => layer)).size,
      };
      await close();
      return facts;
    },
    async probe() {
      const { worker: target } = started();
      return new Promise<readonly DeviceReport[]>((resolve, reject) => {
        target.addEventListener(
          'message',
          function listen({ data }: MessageEvent<{ readonly reports?: readonly DeviceReport[] } | null>) {
            if (data?.reports === undefined) return;
            target.removeEventListener('message', listen);
            resolve(data.reports);
          },
        );
        target.addEventListener(
          'error',
          ({ message }) =>
            reject(new RuntimeError('The devices could not be tried', { code: 'WORKER_FAILED', found: message })),
          { once: true },
        );
        target.postMessage({ probe: threads() }, []);
      });
    },
  };
}
