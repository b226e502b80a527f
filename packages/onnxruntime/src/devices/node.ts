import { RuntimeError } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { InferenceSession } from 'onnxruntime-common';
import type { OrtModule } from '../ort.js';
import type { Device, Platform } from './device.js';
import { withDeviceLock, withoutLock } from './device-lock.js';
import { declineTelemetry } from './telemetry.js';
import { webgpuOptions } from './webgpu.js';
import { openWeightFiles } from './weight-files.js';

type ExecutionProvider = InferenceSession.ExecutionProviderConfig;

/**
 * Brings the CUDA libraries of ONNX Runtime, which are too large for the npm registry, to where onnxruntime-node looks
 * for them.
 */
const INSTALL_CUDA = 'node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12';

/** Devices of `onnxruntime-node`. */
export const nodePlatform: Platform = {
  devices: ['cuda', 'webgpu', 'cpu'],
  elsewhere: {
    wasm: 'WASM is a device of browsers: here use "cpu", which is faster.',
    webgl: 'WebGL belongs to TensorFlow.js: use @hadamard-adapter/tfjs in a browser.',
    gpu: 'Say which: "webgpu" (Vulkan, Direct3D 12 or Metal) or "cuda" (NVIDIA).',
  },
  async readFile(url) {
    const { readFile } = await import('node:fs/promises');
    return new Uint8Array(await readFile(url));
  },
  openWeightFiles,
  async open(name, { ort, threads }) {
    declineTelemetry();
    const module = ort ?? (await importOrt());
    const device = (
      provider: (graph: Graph) => ExecutionProvider,
      lock: Device['lock'],
      rest: Partial<Device> = {},
    ): Device => ({
      name,
      ort: module,
      sessionOptions: (graph) => ({
        executionProviders: [provider(graph)],
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      }),
      lock,
      lost: () => undefined,
      close: () => undefined,
      ...rest,
    });
    const mayBeMissing = { explainMissing: (message: string, cause: unknown) => explainMissing(name, message, cause) };
    switch (name) {
      case 'webgpu':
        return device(webgpuOptions, withDeviceLock, mayBeMissing);
      case 'cuda':
        return device(() => 'cuda', withoutLock, mayBeMissing);
      default:
        return device(() => 'cpu', withoutLock);
    }
  },
};

/** What the first session on a device that is not there failed with, in words that say what is missing. */
function explainMissing(name: string, message: string, cause: unknown): RuntimeError | undefined {
  const unavailable = (found: string, hint: string): RuntimeError =>
    new RuntimeError(`The device ${name} is not available`, { code: 'DEVICE_UNAVAILABLE', found, hint, cause });
  if (name === 'cuda' && /shared library|providers_(shared|cuda)|cudnn|cublas|libcu/i.test(message)) {
    return unavailable(
      'no CUDA provider beside onnxruntime-node, or no CUDA for it to use',
      `It needs 64-bit Linux, an NVIDIA driver, CUDA 12 and cuDNN 9 on the library path, and ONNX Runtime's ` +
        `provider, which this command installs: ${INSTALL_CUDA}`,
    );
  }
  if (name === 'cuda' && /cuda/i.test(message))
    return unavailable(message, 'Does nvidia-smi show a GPU, and is its driver new enough for CUDA 12?');
  if (name === 'webgpu' && /adapter|vulkan|dawn|WebGpuContext/i.test(message)) {
    return unavailable(
      'no WebGPU adapter',
      'It needs a graphics driver with Vulkan (Linux: libvulkan1 and the driver of the GPU), Direct3D 12 or ' +
        'Metal. Without one use "cpu".',
    );
  }
  if (/not (supported|available|enabled)|backend not found/i.test(message))
    return unavailable(message, 'This build of onnxruntime-node lacks it. "cpu" is always there.');
  return undefined;
}

async function importOrt(): Promise<OrtModule> {
  try {
    const module = (await import('onnxruntime-node')) as OrtModule & { default?: OrtModule };
    return module.InferenceSession === undefined && module.default !== undefined ? module.default : module;
  } catch (cause) {
    throw new RuntimeError('ONNX Runtime is not installed', {
      code: 'RUNTIME_MISSING',
      expected: 'the package onnxruntime-node',
      hint: 'npm install onnxruntime-node',
      cause,
    });
  }
}
