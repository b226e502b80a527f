import type { Driver, PlainModel } from '@hadamard-adapter/core/driver';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import { type Graph, concatChunks } from '@hadamard-adapter/graph/internal';
import { loadAdapter, saveAdapter } from './adapter.js';
import type { AdapterSession, SessionOptions } from './session.js';

/** What a runtime brings to be tested: how it loads a base model, and a merged one as anybody would. */
export interface ConformanceRuntime {
  readonly runtime: string;
  readonly device: string;
  load(graph: Graph, options: SessionOptions): AdapterSession | Promise<AdapterSession>;
  /** @param model an ONNX file with token inputs and `logits`. */
  openPlain(model: Uint8Array): PlainModel | Promise<PlainModel>;
}

/** The driver of `@hadamard-adapter/conformance` for a runtime whose sessions are made by `makeSession`. */
export function makeConformanceDriver({ runtime, device, load, openPlain }: ConformanceRuntime): Driver {
  return {
    runtime,
    device,
    async load({ family, variant, model, config }, options) {
      const session = await load(readEncoder(model, { config }), options);
      return {
        ...session,
        foldAndReload: async () => openPlain(concatChunks(await session.fold())),
        save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
        async restore(files) {
          await loadAdapter(session, files);
        },
      };
    },
  };
}
