import { ConfigError } from '@hadamard-adapter/core';
import { TRIAL_GRAPH } from '@hadamard-adapter/runtime/internal';
import { createSession } from '../session.js';
import type { Device, DeviceOptions, Platform } from './device.js';

/**
 * Open a device by name.
 *
 * @throws ConfigError DEVICE_UNKNOWN, also for devices of other places and other packages, whose message then says
 *   where they are; DEVICE_THREADS; what `open` of the platform throws.
 */
export async function openDevice(platform: Platform, name: string, options: DeviceOptions): Promise<Device> {
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new ConfigError('The number of threads is out of range', {
      code: 'DEVICE_THREADS',
      found: String(threads),
      expected: 'an integer from 1 on',
    });
  }
  if (platform.devices.includes(name)) {
    const device = await platform.open(name, options);
    // Whether a driver is there shows with the first session only; better now than after a model was downloaded.
    if (device.explainMissing !== undefined) await (await createSession(device, TRIAL_GRAPH)).release();
    return device;
  }
  const hint = Object.hasOwn(platform.elsewhere, name) ? platform.elsewhere[name] : undefined;
  throw new ConfigError('ONNX Runtime has no such device here', {
    code: 'DEVICE_UNKNOWN',
    found: name,
    expected: platform.devices.join(', '),
    ...(hint === undefined ? {} : { hint }),
  });
}
