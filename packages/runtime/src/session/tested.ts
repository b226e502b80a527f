import type { Batch, Files } from '@hadamard-adapter/core';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import { type Graph, concatChunks } from '@hadamard-adapter/graph/internal';
import { loadAdapter, saveAdapter } from './adapter.js';
import type { AdapterSession, SessionOptions } from './session.js';

/** One case's base model, as the suite of `@hadamard-adapter/conformance` hands it over. */
export interface TestedSource {
  readonly family: string;
  readonly variant: string;
  readonly model: Uint8Array;
  readonly config: unknown;
}

/** A model without any adapter machinery. */
export interface PlainModel {
  /** Logits [batch, numLabels]. */
  predict(batch: Batch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** A session, and what only the suite asks of it. */
export interface TestedSession extends AdapterSession {
  foldAndReload(): Promise<PlainModel>;
  save(): Promise<Files>;
  restore(files: Files): Promise<void>;
}

/** A driver of the conformance suite; has the shape of its `Driver`, which runtimes do not depend on. */
export interface RuntimeDriver {
  readonly runtime: string;
  readonly device: string;
  load(source: TestedSource, options: SessionOptions): Promise<TestedSession>;
}

/** What a runtime brings: how it loads a base model, and a folded one as anybody would. */
export interface TestedRuntime {
  readonly runtime: string;
  readonly device: string;
  load(graph: Graph, options: SessionOptions): AdapterSession | Promise<AdapterSession>;
  /** @param model an ONNX file with token inputs and `logits`. */
  openPlain(model: Uint8Array): PlainModel | Promise<PlainModel>;
}

/** The driver of a runtime whose sessions are made by `makeSession`. */
export function driverFor({ runtime, device, load, openPlain }: TestedRuntime): RuntimeDriver {
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
