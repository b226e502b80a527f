import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import { compileModel, makeSession, readModel, type AdapterSession, type ExternalData, type Graph, type SessionOptions } from '@hadamard-adapter/onnx';
import { ortExecutor } from './executor.js';
import type { OrtModule, SessionSettings } from './session.js';

/** A base model: the bytes of an ONNX file, or a graph that was built or read before. */
export type BaseModel = { readonly model: Uint8Array; readonly externalData?: ExternalData } | { readonly graph: Graph };

export interface LoadOptions extends SessionOptions, SessionSettings {
  /** Default `cpu`. */
  readonly device?: string;
  /** An instance of ONNX Runtime to use; default: `onnxruntime-node`, loaded on demand. */
  readonly ort?: OrtModule;
}

/**
 * Load a base model for training and inference with Hadamard adapters on ONNX Runtime.
 *
 * @throws FormatError for a file that is not an ONNX model; UnsupportedError for a model without recognisable attention; ConfigError for settings that
 * contradict, DEVICE_UNKNOWN; RuntimeError when ONNX Runtime is missing or refuses.
 */
export async function loadModel(base: BaseModel, options: LoadOptions): Promise<AdapterSession> {
  const { device = 'cpu', threads, lowMemory, maxActivationBytes } = options;
  if (device !== 'cpu') {
    throw new ConfigError(`The device "${device}" is not supported yet`, { code: 'DEVICE_UNKNOWN', found: device, expected: 'cpu' });
  }
  const ort = options.ort ?? (await importOrt());
  const graph = 'graph' in base ? base.graph : readModel(base.model, base.externalData === undefined ? {} : { externalData: base.externalData });
  const compiled = compileModel(graph, options);
  const executor = ortExecutor(ort, compiled, { ...(threads === undefined ? {} : { threads }), ...(lowMemory === undefined ? {} : { lowMemory }), ...(maxActivationBytes === undefined ? {} : { maxActivationBytes }) });
  return makeSession(compiled, executor, { runtime: 'onnxruntime', device }, options);
}

async function importOrt(): Promise<OrtModule> {
  try {
    const module = (await import('onnxruntime-node')) as OrtModule & { default?: OrtModule };
    return module.InferenceSession === undefined && module.default !== undefined ? module.default : module;
  } catch (cause) {
    throw new RuntimeError('ONNX Runtime is not installed', { code: 'RUNTIME_MISSING', expected: 'the package onnxruntime-node', hint: 'npm install onnxruntime-node', cause });
  }
}
