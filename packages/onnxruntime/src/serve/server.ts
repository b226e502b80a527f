import {
  RetryOnDeviceLoss,
  RuntimeAdapterServer,
  ServingBases,
  readBase,
  type AdapterServer,
  type AdapterServerOptions,
} from '@hadamard-adapter/runtime/internal';
import type { DeviceOptions, Platform } from '../devices/device.js';
import { openDevice } from '../devices/open.js';
import type { BaseModel } from '../load.js';
import { readBytes } from '../source.js';
import { OrtServingPrograms } from './programs.js';

export interface ServerOptions extends DeviceOptions, AdapterServerOptions {
  /** Default: `cpu` in Node, `wasm` in a browser. */
  readonly device?: string;
}

export type CreateServer = (base: BaseModel, options?: ServerOptions) => Promise<AdapterServer>;

/**
 * Serve a base model with adapters as inputs of its graph: one session whatever adapter is active, and another one for
 * batches that mix them.
 *
 * @throws as `LoadModel`; ConfigError ADAPTER_BUDGET.
 */
export function serverFor(platform: Platform, defaultDevice: string): CreateServer {
  return async (base, options = {}) => {
    const name = options.device ?? defaultDevice;
    const device = await openDevice(platform, name, options);
    try {
      const bases = new ServingBases(
        await readBase(base, (model) => readBytes(model, { readFile: platform.readFile })),
      );
      // Whatever is wrong with the model shows now and not with the first adapter.
      await bases.get(false);
      const retried = new RetryOnDeviceLoss(device, () => openDevice(platform, name, options));
      const runtime = {
        device: name,
        makePrograms: () => new OrtServingPrograms(retried),
        close: () => retried.close(),
      };
      return new RuntimeAdapterServer(runtime, bases, options);
    } catch (error) {
      device.close();
      throw error;
    }
  };
}
