import { ConfigError } from '@hadamard-adapter/core';
import type { Driver } from '@hadamard-adapter/conformance';
import { findInstalled, importFound } from '../installed.js';

const TFJS = '@hadamard-adapter/tfjs';

/** What each backend needs besides TensorFlow.js. */
const BACKENDS: Readonly<Record<string, readonly string[]>> = { cpu: [], wasm: ['@tensorflow/tfjs-backend-wasm'] };

/** What `@hadamard-adapter/tfjs/conformance` exports. */
interface TfjsConformance {
  conformanceDriver(tf: unknown, device: string): Promise<Driver>;
}

/**
 * Backends of TensorFlow.js that run in Node without native code. None of it is a dependency of this command: whoever
 * wants to test it has it.
 *
 * @throws ConfigError DEVICE_UNKNOWN; TF_MISSING when a package is not installed.
 */
export async function tfjsDriver(device: string): Promise<Driver> {
  const needed = Object.hasOwn(BACKENDS, device) ? BACKENDS[device] : undefined;
  if (needed === undefined) {
    throw new ConfigError('TensorFlow.js has no such device here', {
      code: 'DEVICE_UNKNOWN',
      found: device,
      expected: Object.keys(BACKENDS).join(', '),
      hint: 'The tests of @hadamard-adapter/tfjs run "webgl" and "webgpu" in a browser.',
    });
  }
  const place = find(`${TFJS}/conformance`);
  // With its gradients, which @tensorflow/tfjs-core alone does not register in Node. Seen from our package, so that
  // both have the same copy of it.
  const tf = await importFound(find('@tensorflow/tfjs', place));
  for (const name of needed) await importFound(find(name, place));
  const { conformanceDriver } = (await importFound(place)) as TfjsConformance;
  return conformanceDriver(tf, device);
}

function find(name: string, place?: string): string {
  const path = findInstalled(name, place);
  if (path !== undefined) return path;
  throw new ConfigError('TensorFlow.js is not installed', {
    code: 'TF_MISSING',
    found: `no ${name}`,
    expected: '@tensorflow/tfjs',
    hint: `npm install ${TFJS} @tensorflow/tfjs @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm`,
  });
}
