import { RuntimeError } from '@hadamard-adapter/core';
import { elementCount, writeModelWithExternalData, type Graph, type Tensor } from '@hadamard-adapter/onnx';
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from 'onnxruntime-common';

/** The part of ONNX Runtime that this package uses; `onnxruntime-node` and `onnxruntime-web` both have it. */
export interface OrtModule {
  readonly InferenceSession: { create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession> };
  readonly Tensor: {
    new (type: 'float32', data: Float32Array, dims: readonly number[]): TypedTensor<'float32'>;
    new (type: 'int64', data: BigInt64Array, dims: readonly number[]): TypedTensor<'int64'>;
  };
}

export type Feeds = Readonly<Record<string, OrtTensor>>;

export interface SessionSettings {
  /** Threads inside one operator; ONNX Runtime's default (one per core) when absent. */
  readonly threads?: number;
  /** Trade speed for memory: do not keep repacked copies of the weights. */
  readonly lowMemory?: boolean;
  /**
   * What a training step may keep between forward and backward, bytes: backward computes again what does not fit, in the order in which most is saved for the least arithmetic. For the largest batch so
   * far; default: keep everything.
   */
  readonly maxActivationBytes?: number;
}

/** Weights from this size on stay where they are and are handed to the runtime by reference. */
const EXTERNAL_FROM_BYTES = 1024;

/**
 * Create a session for a graph. Only the graph itself (some tens of KB) is written out; the weights are passed as views into the buffers they were
 * read into, one "external data file" for each buffer.
 *
 * @throws RuntimeError SESSION_CREATE with the runtime's own words when it refuses the graph.
 */
export async function createSession(ort: OrtModule, graph: Graph, settings: SessionSettings): Promise<InferenceSession> {
  const files = new Map<ArrayBufferLike, { path: string; data: Uint8Array }>();
  const place = (_: string, tensor: Tensor): { location: string; offset: number; length: number } | undefined => {
    const { buffer, byteOffset, byteLength } = tensor.bytes;
    if (byteLength < EXTERNAL_FROM_BYTES || elementCount(tensor.dims) === 0) return undefined;
    const file = files.get(buffer) ?? { path: `weights_${files.size}`, data: new Uint8Array(buffer) };
    files.set(buffer, file);
    return { location: file.path, offset: byteOffset, length: byteLength };
  };
  const model = writeModelWithExternalData(graph, place);
  try {
    return await ort.InferenceSession.create(model, {
      externalData: [...files.values()],
      // Memory patterns are remembered per input shape; with every batch of another length they only cost memory (2.2 instead of 3.5 GB on BERT-base).
      enableMemPattern: false,
      interOpNumThreads: 1,
      // Errors are thrown and told from there; warnings about constants that the optimizer removed are of no use to anyone who runs a generated graph.
      logSeverityLevel: 4,
      ...(settings.threads === undefined ? {} : { intraOpNumThreads: settings.threads }),
      ...(settings.lowMemory === true ? { extra: { session: { disable_prepacking: '1' } } } : {}),
    });
  } catch (cause) {
    throw new RuntimeError('ONNX Runtime refused the compiled graph', {
      code: 'SESSION_CREATE',
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'Please report this with the name of the model: the graph was made by us.',
      cause,
    });
  }
}

/** Run a session; what the runtime throws becomes a RuntimeError SESSION_RUN. */
export async function runSession(session: InferenceSession, feeds: Feeds, outputs: readonly string[]): Promise<ReadonlyMap<string, OrtTensor>> {
  try {
    const results = await session.run(feeds, [...outputs]);
    return new Map(outputs.map((name) => [name, results[name] as OrtTensor]));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError('ONNX Runtime could not run the graph', {
      code: 'SESSION_RUN',
      found: message,
      hint: /alloc|memory/i.test(message) ? 'Use a smaller batch or shorter sequences.' : 'Check that token ids and sequence length fit the model.',
      cause,
    });
  }
}

/** The numbers of a float32 result. */
export function floats(results: ReadonlyMap<string, OrtTensor>, name: string): Float32Array {
  const data = results.get(name)?.data;
  if (data instanceof Float32Array) return data;
  throw new RuntimeError(`ONNX Runtime did not return ${name} as float32`, { code: 'SESSION_OUTPUT' });
}
