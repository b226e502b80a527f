import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { availableIn, tryDevice, type DeviceReport } from '@hadamard-adapter/runtime/internal';
import { checkTf, type Tf } from '../tf.js';
import { deviceTrial } from './device-trial.js';

/** Backends of TensorFlow.js, the fastest first, and the import that registers each. */
export const BACKENDS: Readonly<Record<string, string>> = {
  tensorflow: '@tensorflow/tfjs-node (or -node-gpu), given as tf',
  webgpu: "import '@tensorflow/tfjs-backend-webgpu'",
  webgl: "import '@tensorflow/tfjs-backend-webgl'",
  wasm: "import '@tensorflow/tfjs-backend-wasm'",
  cpu: "import '@tensorflow/tfjs-backend-cpu'",
};

/** A device by another name, for those who come from another runtime. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  cuda: 'With @tensorflow/tfjs-node-gpu as tf the device is "tensorflow".',
  node: 'With @tensorflow/tfjs-node as tf the device is "tensorflow".',
  gpu: 'Say which: "webgpu" or "webgl".',
};

/**
 * Get a backend ready. The one that is active stays active.
 *
 * @throws ConfigError DEVICE_UNKNOWN; BACKEND_MISSING with the import to add; RuntimeError DEVICE_UNAVAILABLE,
 *   DEVICE_PRECISION.
 */
export async function openDevice(tf: Tf, name: string): Promise<void> {
  if (!Object.hasOwn(BACKENDS, name)) {
    throw new ConfigError('TensorFlow.js has no such device', {
      code: 'DEVICE_UNKNOWN',
      found: name,
      expected: Object.keys(BACKENDS).join(', '),
      ...(Object.hasOwn(ELSEWHERE, name) ? { hint: present(ELSEWHERE[name]) } : {}),
    });
  }
  if (tf.findBackendFactory(name) === null) {
    throw new ConfigError(`The backend ${name} of TensorFlow.js is not registered`, {
      code: 'BACKEND_MISSING',
      expected: present(BACKENDS[name]),
      hint: 'Import it after @tensorflow/tfjs-core, once.',
    });
  }
  // Without a backend yet, there would be none to go back to.
  if (!tf.getBackend()) await tf.ready().catch(() => undefined);
  const active = tf.getBackend();
  const ready = await tf.setBackend(name).catch(() => false);
  const halfFloats = ready && name === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
  if (active && active !== name) await tf.setBackend(active);
  if (!ready) {
    throw new RuntimeError(`The device ${name} is not available`, {
      code: 'DEVICE_UNAVAILABLE',
      found: `TensorFlow.js could not start its backend ${name}`,
      hint: 'availableDevices() tells which work here.',
    });
  }
  if (halfFloats) {
    throw new RuntimeError('WebGL has only half floats on this device', {
      code: 'DEVICE_PRECISION',
      found: '16-bit float textures (WEBGL_RENDER_FLOAT32_ENABLED is false)',
      expected: '32-bit float textures: gradients are lost in 16 bits',
      hint: 'Use "webgpu" or "wasm" here.',
    });
  }
}

/** Software adapters are off by 1e-6, functions of a GPU by ten times that; float16 by 1e-3. */
const TOLERANCE = 1e-4;

/**
 * Every backend, tried: it is available when a product, a softmax, an error function and a norm, and their gradient,
 * came out right on it.
 */
export async function probeDevices({ tf: given }: { readonly tf: Tf }): Promise<DeviceReport[]> {
  const tf = checkTf(given);
  const reports: DeviceReport[] = [];
  for (const device of Object.keys(BACKENDS)) {
    const trial = async (): Promise<number> => {
      await openDevice(tf, device);
      return deviceTrial(tf, device);
    };
    reports.push(await tryDevice(device, trial, TOLERANCE));
  }
  return reports;
}

/** Names of the devices that work here, the fastest first. */
export const availableDevices = async (options: { readonly tf: Tf }): Promise<string[]> =>
  availableIn(await probeDevices(options));
