import { ConfigError } from '@hadamard-adapter/core';
import type { Driver } from '@hadamard-adapter/conformance';
import { conformanceDriver, nodePlatform } from '@hadamard-adapter/onnxruntime/conformance';
import { referenceDriver } from './reference-driver.js';
import { tfjsDriver } from './tfjs-driver.js';

/**
 * Drivers of the runtimes that `verify` knows. Devices that exist elsewhere are refused by the runtime, with the place
 * where they are.
 */
const RUNTIMES: Readonly<Record<string, (device: string) => Driver | Promise<Driver>>> = {
  onnxruntime: (device) => conformanceDriver(nodePlatform, device),
  tfjs: tfjsDriver,
  reference: referenceDriver,
};

/** @throws ConfigError RUNTIME_UNKNOWN, DEVICE_UNKNOWN, TF_MISSING. */
export async function driverOf(runtime: string, device: string): Promise<Driver> {
  const make = Object.hasOwn(RUNTIMES, runtime) ? RUNTIMES[runtime] : undefined;
  if (make === undefined)
    throw new ConfigError('There is no such runtime', {
      code: 'RUNTIME_UNKNOWN',
      found: runtime,
      expected: [...Object.keys(RUNTIMES), 'core'].join(', '),
    });
  return make(device);
}
