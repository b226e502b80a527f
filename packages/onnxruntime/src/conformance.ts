import type { Driver, PlainModel } from '@hadamard-adapter/core/driver';
import { makeConformanceDriver } from '@hadamard-adapter/runtime/internal';
import { readModel } from '@hadamard-adapter/graph/internal';
import type { Device, DeviceOptions, Platform } from './devices/device.js';
import { openDevice } from './devices/open.js';
import { tokenFeeds } from './feeds.js';
import { loaderFor } from './load.js';
import { createSession, floats } from './session.js';

/**
 * What the conformance suite needs to test ONNX Runtime on one device: `runSuite(conformanceDriver(platform, 'webgpu'),
 * fixtures)`.
 *
 * @param platform `nodePlatform` or `webPlatform`.
 */
export function conformanceDriver(platform: Platform, device: string, options: DeviceOptions = {}): Driver {
  const load = loaderFor(platform, device);
  return makeConformanceDriver({
    runtime: 'onnxruntime',
    device,
    load: (graph, sessionOptions) => load({ graph }, { ...sessionOptions, ...options, device }),
    openPlain: async (model) => openPlain(await openDevice(platform, device, options), model),
  });
}

async function openPlain(device: Device, model: Uint8Array): Promise<PlainModel> {
  const session = await createSession(device, readModel(model));
  return {
    predict: async (batch) =>
      floats(await session.run(tokenFeeds(device.ort.Tensor, session.inputs, batch), ['logits']), 'logits'),
    async dispose() {
      await session.release();
      device.close();
    },
  };
}

export { nodePlatform } from './devices/node.js';
export { webPlatform } from './devices/web.js';
