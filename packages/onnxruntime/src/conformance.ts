import type { Batch, Files } from '@hadamard-adapter/core';
import { concatChunks, loadAdapter, readEncoder, readModel, saveAdapter, type AdapterSession, type SessionOptions } from '@hadamard-adapter/onnx';
import type { Device, DeviceOptions, Platform } from './devices/device.js';
import { openDevice } from './devices/open.js';
import { tokenFeeds } from './feeds.js';
import { loaderFor } from './load.js';
import { createSession, floats } from './session.js';

/** One case's base model, as the suite of `@hadamard-adapter/conformance` hands it over. */
interface ModelSource {
  readonly family: string;
  readonly variant: string;
  readonly model: Uint8Array;
  readonly config: unknown;
}

interface PlainModel {
  predict(batch: Batch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

interface TestedModel extends AdapterSession {
  foldAndReload(): Promise<PlainModel>;
  save(): Promise<Files>;
  restore(files: Files): Promise<void>;
}

/** A driver of the conformance suite for a device of this package; has the shape of its `Driver`. */
export interface OnnxRuntimeDriver {
  readonly runtime: string;
  readonly device: string;
  load(source: ModelSource, options: SessionOptions): Promise<TestedModel>;
}

/**
 * What the conformance suite needs to test ONNX Runtime on one device: `runSuite(conformanceDriver(platform, 'webgpu'), fixtures)`.
 *
 * @param platform `nodePlatform` or `webPlatform`.
 */
export function conformanceDriver(platform: Platform, device: string, options: DeviceOptions = {}): OnnxRuntimeDriver {
  const load = loaderFor(platform, device);
  return {
    runtime: 'onnxruntime',
    device,
    async load({ family, variant, model, config }, sessionOptions) {
      const session = await load({ graph: readEncoder(model, { config }) }, { ...sessionOptions, ...options, device });
      return {
        ...session,
        foldAndReload: async () => openPlain(await openDevice(platform, device, options), concatChunks(await session.fold())),
        save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
        async restore(files) {
          await loadAdapter(session, files);
        },
      };
    },
  };
}

/** A folded model opened as anyone would open it: an ONNX file with token inputs and `logits`, without any adapter machinery. */
async function openPlain(device: Device, model: Uint8Array): Promise<PlainModel> {
  const session = await createSession(device, readModel(model));
  return {
    predict: async (batch) => floats(await session.run(tokenFeeds(device.ort.Tensor, session.inputs, batch), ['logits']), 'logits'),
    async dispose() {
      await session.release();
      device.close();
    },
  };
}

export { nodePlatform } from './devices/node.js';
export { webPlatform } from './devices/web.js';
