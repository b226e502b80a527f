import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import { checkTf, type Tf } from '../tf.js';

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
 * @throws ConfigError DEVICE_UNKNOWN; BACKEND_MISSING with the import to add; RuntimeError DEVICE_UNAVAILABLE, DEVICE_PRECISION.
 */
export async function openDevice(tf: Tf, name: string): Promise<void> {
  if (!Object.hasOwn(BACKENDS, name)) {
    throw new ConfigError('TensorFlow.js has no such device', { code: 'DEVICE_UNKNOWN', found: name, expected: Object.keys(BACKENDS).join(', '), ...(Object.hasOwn(ELSEWHERE, name) ? { hint: ELSEWHERE[name] as string } : {}) });
  }
  if (tf.findBackendFactory(name) === null) {
    throw new ConfigError(`The backend ${name} of TensorFlow.js is not registered`, { code: 'BACKEND_MISSING', expected: BACKENDS[name] as string, hint: 'Import it after @tensorflow/tfjs-core, once.' });
  }
  // Without a backend yet, there would be none to go back to.
  if (!tf.getBackend()) await tf.ready().catch(() => undefined);
  const active = tf.getBackend();
  const ready = await tf.setBackend(name).catch(() => false);
  const halfFloats = ready && name === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
  if (active && active !== name) await tf.setBackend(active);
  if (!ready) {
    throw new RuntimeError(`The device ${name} is not available`, { code: 'DEVICE_UNAVAILABLE', found: `TensorFlow.js could not start its backend ${name}`, hint: 'availableDevices() tells which work here.' });
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

/**
 * Run `work`, which must not wait, with this backend active, and give the one before back. Several models of one page can live on different backends that way.
 */
export function on<T>(tf: Tf, name: string, work: () => T): T {
  const active = tf.getBackend();
  // Once a backend is ready the switch takes effect at once; the promise has nothing to wait for.
  if (active !== name) void tf.setBackend(name);
  try {
    return work();
  } finally {
    if (active !== name) void tf.setBackend(active);
  }
}

/** What was found out about one device. */
export interface DeviceReport {
  readonly device: string;
  readonly available: boolean;
  /** Why it is not, in one sentence. */
  readonly reason?: string;
}

/** Every backend, tried: it is available when a product, a softmax, an error function and a norm, and their gradient, came out right on it. */
export async function probeDevices({ tf: given }: { readonly tf: Tf }): Promise<DeviceReport[]> {
  const tf = checkTf(given);
  const reports: DeviceReport[] = [];
  for (const device of Object.keys(BACKENDS)) {
    try {
      await openDevice(tf, device);
      const found = await on(tf, device, () => trial(tf)).data();
      const worst = Math.max(...EXPECTED.map((value, i) => Math.abs(value - (found[i] ?? Number.NaN))));
      reports.push(worst <= TOLERANCE ? { device, available: true } : { device, available: false, reason: `It computes wrong numbers: off by ${worst}` });
    } catch (error) {
      reports.push({ device, available: false, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return reports;
}

/** Names of the devices that work here, the fastest first. */
export const availableDevices = async (options: { readonly tf: Tf }): Promise<string[]> => (await probeDevices(options)).flatMap(({ device, available }) => (available ? [device] : []));

/** WebGL's functions are off by 1e-5; half precision would be off by 1e-3. */
const TOLERANCE = 1e-4;

/** Derivative of Σ softmax(x·W) ∘ erf(x·W) by x, for x and W of simple numbers. */
function trial(tf: Tf): ReturnType<Tf['tensor']> {
  return tf.tidy(() => {
    const x = tf.tensor2d([0.5, -0.25, 0.75, -1], [2, 2]);
    const weight = tf.tensor2d([0.3, -0.7, 0.2, 0.9], [2, 2]);
    const loss = (value: ReturnType<Tf['tensor']>): ReturnType<Tf['scalar']> => {
      const product = tf.matMul(value as typeof x, weight);
      return tf.sum(tf.mul(tf.softmax(product), tf.erf(product)));
    };
    return tf.grad(loss as (value: ReturnType<Tf['tensor']>) => ReturnType<Tf['tensor']>)(x);
  });
}

/** `trial` in float64, from central differences of its definition. */
const EXPECTED: readonly number[] = expected();

function expected(): number[] {
  const [x, weight] = [[0.5, -0.25, 0.75, -1], [0.3, -0.7, 0.2, 0.9]] as const;
  const loss = (values: readonly number[]): number => {
    let total = 0;
    for (const row of [0, 1]) {
      const products = [0, 1].map((column) => (values[2 * row] as number) * (weight[column] as number) + (values[2 * row + 1] as number) * (weight[2 + column] as number));
      const sum = products.reduce((all, product) => all + Math.exp(product), 0);
      for (const product of products) total += (Math.exp(product) / sum) * errorFunction(product);
    }
    return total;
  };
  const h = 1e-5;
  return x.map((_, i) => (loss(x.map((value, k) => (k === i ? value + h : value))) - loss(x.map((value, k) => (k === i ? value - h : value)))) / (2 * h));
}

/** By its series, which converges fast for the small numbers of the trial. */
function errorFunction(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 40; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
