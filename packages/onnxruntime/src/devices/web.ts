import { messageOf } from '@hadamard-adapter/core/internal';
import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import type { Env } from 'onnxruntime-common';
import type { OrtModule } from '../ort.js';
import type { Device, DeviceOptions, Platform } from './device.js';
import { withDeviceLock } from './device-lock.js';
import { webgpuOptions } from './webgpu.js';

/** An entry of onnxruntime-web, with the settings that it reads before its first session. */
type OrtWeb = OrtModule & { readonly env: Env };

const ISOLATION =
  'Serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: ' +
  'require-corp.';

/** Devices of `onnxruntime-web`: the WebGPU execution provider, and WASM on the processor. */
export const webPlatform: Platform = {
  devices: ['webgpu', 'wasm'],
  elsewhere: {
    cpu: 'In a browser the processor is the device "wasm".',
    cuda: 'CUDA is a device of Node: in a browser use "webgpu".',
    webgl: 'WebGL belongs to TensorFlow.js: use @hadamard-adapter/tfjs. ONNX Runtime cannot train on it.',
    gpu: 'Use "webgpu".',
  },
  open: (name, options) => (name === 'webgpu' ? openWebGpu(options) : openWasm(options)),
};

async function openWasm(options: DeviceOptions): Promise<Device> {
  const { threads, ort, onNotice = tell } = options;
  const isolated = globalThis.crossOriginIsolated === true;
  if (threads !== undefined && threads > 1 && !isolated) {
    throw new ConfigError('WASM can use one thread only on this page', {
      code: 'WASM_THREADS',
      found: `${threads} threads asked for, but the page is not cross-origin isolated`,
      expected: 'SharedArrayBuffer',
      hint: ISOLATION,
    });
  }
  const module = ort ?? (await importOrt(() => import('onnxruntime-web/wasm'), 'onnxruntime-web/wasm'));
  if (!isolated)
    onNotice({
      code: 'WASM_ONE_THREAD',
      message: `WASM runs on one thread, since this page is not cross-origin isolated. ${ISOLATION}`,
    });
  configure(module, options, isolated ? (threads ?? navigator.hardwareConcurrency) : 1);
  // Its calls are synchronous inside, but creating sessions is not, and two at once are one too many.
  return {
    name: 'wasm',
    ort: module,
    sessionOptions: () => ({ executionProviders: ['wasm'] }),
    lock: withDeviceLock,
    lost: () => undefined,
    close: () => undefined,
  };
}

async function openWebGpu(options: DeviceOptions): Promise<Device> {
  const gpu = await requestDevice();
  const module = options.ort ?? (await importOrt(() => import('onnxruntime-web/webgpu'), 'onnxruntime-web/webgpu'));
  configure(module, options, globalThis.crossOriginIsolated === true ? options.threads : 1);
  let gone: string | undefined;
  gpu.lost.then(
    ({ message, reason }) => (gone = message === '' ? String(reason) : message),
    () => undefined,
  );
  return {
    name: 'webgpu',
    ort: module,
    sessionOptions: (graph) => ({ executionProviders: [{ ...webgpuOptions(graph), device: gpu as never }] }),
    keepsTensors: 'gpu-buffer',
    lock: withDeviceLock,
    lost: () => gone,
    close: () => gpu.destroy(),
  };
}

/**
 * A device with all that its adapter can do: ONNX Runtime wants large buffers, and takes half precision and subgroups
 * where they are.
 */
async function requestDevice(): Promise<GPUDevice> {
  const unavailable = (found: string, hint: string, cause?: unknown): RuntimeError =>
    new RuntimeError('The device webgpu is not available', { code: 'DEVICE_UNAVAILABLE', found, hint, cause });
  const { gpu } = navigator as { gpu?: GPU };
  if (gpu === undefined)
    throw unavailable(
      'a browser without navigator.gpu',
      'WebGPU needs a recent browser and a page from https or localhost. The device "wasm" works everywhere.',
    );
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null)
    throw unavailable(
      'no adapter',
      'The browser has no WebGPU driver for this GPU, or it is switched off. The device "wasm" works everywhere.',
    );
  const { limits } = adapter;
  const wanted = [
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeWorkgroupsPerDimension',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
  ] as const;
  try {
    return await adapter.requestDevice({
      requiredLimits: Object.fromEntries(wanted.map((name) => [name, limits[name]])),
      requiredFeatures: (['shader-f16', 'subgroups'] as const).filter((feature) => adapter.features.has(feature)),
    });
  } catch (cause) {
    throw unavailable(
      messageOf(cause),
      'Another page may hold the GPU; close it and reload. The device "wasm" works everywhere.',
      cause,
    );
  }
}

function configure(module: OrtModule, { wasmPaths }: DeviceOptions, threads: number | undefined): void {
  const { env } = module as Partial<OrtWeb>;
  if (env === undefined) return;
  // Read when the first session is made; later changes have no effect.
  if (threads !== undefined) env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
}

async function importOrt(load: () => Promise<unknown>, name: string): Promise<OrtWeb> {
  try {
    return (await load()) as OrtWeb;
  } catch (cause) {
    throw new RuntimeError('ONNX Runtime is not installed', {
      code: 'RUNTIME_MISSING',
      found: messageOf(cause),
      expected: name,
      hint: 'npm install onnxruntime-web',
      cause,
    });
  }
}

function tell({ message }: { readonly message: string }): void {
  console.info(message);
}
