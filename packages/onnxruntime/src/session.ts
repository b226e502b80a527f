import { RuntimeError } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { deviceLost } from '@hadamard-adapter/runtime/internal';
import { elementCount, writeModelWithExternalData, type Graph, type Tensor } from '@hadamard-adapter/graph/internal';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import type { Device, WeightFiles } from './devices/device.js';
import { explain, type FailureContext } from './failures.js';
import type { Feeds, Results } from './ort.js';

export interface SessionSettings {
  /**
   * Trade waiting for memory: weights lie in a temporary file (in Node), and of a training and a prediction graph only
   * one is loaded at a time, so that taking turns costs a second for a large model.
   */
  readonly lowMemory?: boolean;
  /**
   * What a training step may keep between forward and backward, bytes. A larger batch goes through in parts; if a
   * single row keeps more, backward computes again what does not fit, in the order in which most is saved for the least
   * arithmetic. Default: parts of 256 MiB on processors (128 with lowMemory), whole batches on GPUs, and nothing
   * computed twice.
   */
  readonly maxActivationBytes?: number;
}

/** A graph that was given to the runtime. */
export interface Session {
  /** Names of its inputs. */
  readonly inputs: readonly string[];
  /** Outputs that were told to stay on the device answer as tensors there. */
  run(feeds: Feeds, outputs: readonly string[]): Promise<Results>;
  release(): Promise<void>;
}

/** Weights from this size on stay where they are and are handed to the runtime by reference. */
const EXTERNAL_FROM_BYTES = 1024;

/** A graph and its weights in the form in which the runtime takes them. */
interface Delivery {
  readonly model: Uint8Array | string;
  readonly externalData?: { path: string; data: Uint8Array }[];
  readonly weightBytes: number;
  release?(): void;
}

/**
 * Only the graph itself (some tens of KB) is written out; the weights are passed as views into the buffers they were
 * read into, one "external data file" for each buffer.
 */
function inMemory(graph: Graph): Delivery {
  const files = new Map<ArrayBufferLike, { path: string; data: Uint8Array }>();
  let weightBytes = 0;
  const place = (
    _: string,
    { bytes, dims }: Tensor,
  ): { location: string; offset: number; length: number } | undefined => {
    const { buffer, byteOffset, byteLength } = bytes;
    if (byteLength < EXTERNAL_FROM_BYTES || elementCount(dims) === 0) return undefined;
    const file = files.get(buffer) ?? { path: `weights_${files.size}`, data: new Uint8Array(buffer) };
    files.set(buffer, file);
    weightBytes += byteLength;
    return { location: file.path, offset: byteOffset, length: byteLength };
  };
  const model = writeModelWithExternalData(graph, place);
  return { model, externalData: [...files.values()], weightBytes };
}

function onDisk(files: WeightFiles, graph: Graph): Delivery {
  const { path, weightBytes, release } = files.place(graph);
  return { model: path, weightBytes, release };
}

/**
 * Create a session for a graph.
 *
 * @param keep outputs that stay on the device, where it can keep them.
 * @throws RuntimeError: see `explain`. The same for `run`.
 */
export async function createSession(
  device: Device,
  graph: Graph,
  keep: readonly string[] = [],
  files?: WeightFiles,
): Promise<Session> {
  const { model, externalData, weightBytes, release } = files === undefined ? inMemory(graph) : onDisk(files, graph);
  const context = (doing: FailureContext['doing']): FailureContext => ({ device, doing, weightBytes });
  /** The runtime may wait for ever for a device that is gone, so that it is not asked any more. */
  const locked = <T>(work: () => Promise<T>): Promise<T> =>
    device.lock(async () => {
      const gone = device.lost();
      if (gone !== undefined) throw deviceLost(device.name, gone);
      return work();
    });
  const options = { ...sessionOptions(device, graph, keep), ...(externalData === undefined ? {} : { externalData }) };
  // Only Node has weight files, and there a path is taken too.
  const created = await locked(() => device.ort.InferenceSession.create(model as Uint8Array, options))
    .catch((cause: unknown) => {
      throw explain(cause, context('create'));
    })
    .finally(release);
  return {
    inputs: graph.inputs.map(({ name }) => name),
    async run(feeds, outputs) {
      try {
        const results = await locked(() => created.run(feeds, [...outputs]));
        return new Map(outputs.map((name) => [name, present(results[name])]));
      } catch (cause) {
        throw explain(cause, context('run'));
      }
    },
    // Nothing can be done with a session of a device that is gone.
    release: () =>
      locked(() => created.release()).catch((cause: unknown) =>
        device.lost() === undefined ? Promise.reject(explain(cause, context('run'))) : undefined,
      ),
  };
}

function sessionOptions(
  { sessionOptions: own, keepsTensors }: Device,
  graph: Graph,
  keep: readonly string[],
): InferenceSession.SessionOptions {
  return {
    // Memory patterns are remembered per input shape; with every batch of another length they only cost memory (2.2
    // instead of 3.5 GB on BERT-base).
    enableMemPattern: false,
    interOpNumThreads: 1,
    // Errors are thrown and told from there; warnings about constants that the optimizer removed are of no use to
    // anyone who runs a generated graph.
    logSeverityLevel: 4,
    ...own(graph),
    ...(keepsTensors === undefined || keep.length === 0
      ? {}
      : {
          preferredOutputLocation: Object.fromEntries(
            graph.outputs.map(({ name }) => [name, keep.includes(name) ? keepsTensors : 'cpu']),
          ),
        }),
  };
}

/** The numbers of a float32 result; brought from the device, and its memory there freed, where it was kept there. */
export const floats = (results: Results, name: string): Promise<Float32Array> =>
  numbersOf(results.get(name), name, true);

/**
 * The numbers of a float32 tensor, which keeps its memory on the device unless it is freed.
 *
 * @param name what it is, for the error.
 * @throws RuntimeError SESSION_OUTPUT when it is none.
 */
export async function numbersOf(tensor: OrtTensor | undefined, name: string, free = false): Promise<Float32Array> {
  const data = await tensor?.getData(free);
  if (data instanceof Float32Array) return data;
  throw new RuntimeError(`ONNX Runtime did not return ${name} as float32`, { code: 'SESSION_OUTPUT' });
}
