import { messageOf } from '@hadamard-adapter/core/internal';
import { ConfigError } from '@hadamard-adapter/core';
import type { Driver } from '@hadamard-adapter/conformance';

/** TensorFlow.js is no dependency of this command: whoever wants to test it has it. */
const BACKENDS: Readonly<Record<string, () => Promise<unknown>>> = {
  cpu: async () => undefined,
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
};

/** Backends of TensorFlow.js that run in Node without native code. */
export async function tfjsDriver(device: string): Promise<Driver> {
  const backend = Object.hasOwn(BACKENDS, device) ? BACKENDS[device] : undefined;
  if (backend === undefined) {
    throw new ConfigError('TensorFlow.js has no such device here', {
      code: 'DEVICE_UNKNOWN',
      found: device,
      expected: Object.keys(BACKENDS).join(', '),
      hint: 'The tests of @hadamard-adapter/tfjs run "webgl" and "webgpu" in a browser.',
    });
  }
  const missing = (cause: unknown): never => {
    throw new ConfigError('TensorFlow.js is not installed', {
      code: 'TF_MISSING',
      found: messageOf(cause),
      expected: '@tensorflow/tfjs',
      hint: 'npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm',
      cause,
    });
  };
  // With its gradients, which @tensorflow/tfjs-core alone does not register in Node.
  const tf = await import('@tensorflow/tfjs').catch(missing);
  await backend().catch(missing);
  const { conformanceDriver } = await import('@hadamard-adapter/tfjs/conformance');
  return conformanceDriver(tf, device);
}
