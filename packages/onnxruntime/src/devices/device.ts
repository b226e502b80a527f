import type { HadamardError } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { InferenceSession } from 'onnxruntime-common';
import type { OrtModule } from '../ort.js';

/** Something to tell the person who runs this that is no error: `WASM_ONE_THREAD`. */
export interface Notice {
  readonly code: string;
  readonly message: string;
}

export interface DeviceOptions {
  /** Threads inside one operator, on devices that compute on the processor; ONNX Runtime's default when absent. */
  readonly threads?: number;
  /**
   * An instance of ONNX Runtime to use instead of the one that is loaded on demand; it must have the execution provider
   * of the device.
   */
  readonly ort?: OrtModule;
  /**
   * Browser: where the .wasm and .mjs files of onnxruntime-web are served, if not where the bundler put them. See
   * `ort.env.wasm.wasmPaths`.
   */
  readonly wasmPaths?: string | { readonly wasm?: string | URL; readonly mjs?: string | URL };
  /** Default: written to the console. */
  readonly onNotice?: (notice: Notice) => void;
}

/** One device that was opened, with all that sessions on it have in common. */
export interface Device {
  readonly name: string;
  readonly ort: OrtModule;
  sessionOptions(graph: Graph): InferenceSession.SessionOptions;
  /** Where results can stay between runs; undefined when they always come back to memory. */
  readonly keepsTensors?: 'gpu-buffer';
  /** Run `work` when nothing else runs that it could disturb. */
  lock<T>(work: () => Promise<T>): Promise<T>;
  /** Whether this failure of the first session means that the device is not there, and what is missing. */
  explainMissing?(message: string, cause: unknown): HadamardError | undefined;
  /** Why the device is gone; undefined as long as it is there. */
  lost(): string | undefined;
  close(): void;
}

/** Weights on disk rather than in memory. */
export interface WeightFiles {
  /** The same graph with its weights on disk: their bytes are read again whenever they are asked for. */
  offload(graph: Graph): Graph;
  /** A graph as a file with its weights beside it, for the runtime to map; `release` once it has. */
  place(graph: Graph): { readonly path: string; readonly weightBytes: number; release(): void };
  dispose(): void;
}

/** The devices of one place, Node or a browser. */
export interface Platform {
  /** In the order of preference. */
  readonly devices: readonly string[];
  /** What to say when one of these is asked for: devices that exist elsewhere. */
  readonly elsewhere: Readonly<Record<string, string>>;
  /** Read a `file:` address, where there are files. */
  readFile?(url: URL): Promise<Uint8Array>;
  /** Where there is a disk to keep weights on. */
  openWeightFiles?(): Promise<WeightFiles>;
  /** @throws ConfigError, RuntimeError when the device cannot be used. */
  open(name: string, options: DeviceOptions): Promise<Device>;
}
