import { ConfigError } from '@hadamard-adapter/core';
import type { Driver, LoadedModel, LoadOptions, ModelSource, PlainModel } from '@hadamard-adapter/conformance';
import { concatChunks, loadAdapter, loadReferenceModel, readEncoder, saveAdapter, type AdapterSession } from '@hadamard-adapter/onnx';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import { openPlainModel } from './plain-model.js';

/** Runtimes that `verify` knows, with their devices. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = { onnxruntime: ['cpu'], reference: ['cpu'] };

/** @throws ConfigError RUNTIME_UNKNOWN, DEVICE_UNKNOWN. */
export function driverOf(runtime: string, device: string): Driver {
  const devices = RUNTIMES[runtime];
  if (devices === undefined) throw new ConfigError('There is no such runtime', { code: 'RUNTIME_UNKNOWN', found: runtime, expected: [...Object.keys(RUNTIMES), 'core'].join(', ') });
  if (!devices.includes(device)) throw new ConfigError(`The runtime ${runtime} has no such device`, { code: 'DEVICE_UNKNOWN', found: device, expected: devices.join(', ') });
  return {
    runtime,
    device,
    async load(source, options) {
      const graph = readEncoder(source.model, { config: source.config });
      const session = runtime === 'reference' ? loadReferenceModel(graph, options) : await loadModel({ graph }, { ...options, device });
      return asLoadedModel(session, source, options);
    },
  };
}

function asLoadedModel(session: AdapterSession, { family, variant }: ModelSource, { numLabels }: LoadOptions): LoadedModel {
  return {
    ...session,
    async foldAndReload(): Promise<PlainModel> {
      return openPlainModel(session.runtime, concatChunks(await session.fold()), numLabels);
    },
    save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
    async restore(files) {
      await loadAdapter(session, files);
    },
  };
}
