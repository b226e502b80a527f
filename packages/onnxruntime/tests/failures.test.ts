import { MismatchError } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { explain, type FailureContext } from '../src/failures.js';
import { nodePlatform } from '../src/devices/node.js';
import { openDevice } from '../src/devices/open.js';

const on = (name: string, doing: FailureContext['doing'] = 'run', lost?: string): FailureContext => ({
  device: { name, lost: () => lost },
  doing,
  weightBytes: 400 * 2 ** 20,
});

describe('what the runtime throws becomes an error that says what to change', () => {
  it.each([
    [
      'a tensor that does not fit',
      'Failed to allocate memory for requested buffer of size 1073741824',
      on('cpu'),
      'OUT_OF_MEMORY',
      ['1024.0 MiB', '400.0 MiB of weights', 'smaller batch'],
    ],
    ['a heap that cannot grow', 'std::bad_alloc', on('wasm', 'create'), 'OUT_OF_MEMORY', ['lowMemory']],
    [
      'WebAssembly at its limit',
      'RuntimeError: Aborted(Cannot enlarge memory arrays). out of memory',
      on('wasm'),
      'OUT_OF_MEMORY',
      ['smaller batch'],
    ],
    ['CUDA memory', 'CUDA failure 2: out of memory ; GPU=0', on('cuda'), 'OUT_OF_MEMORY', ['smaller batch']],
    [
      'a buffer beyond the limits of the GPU',
      'Buffer size (2147483648) exceeds the max buffer size limit (268435456)',
      on('webgpu'),
      'OUT_OF_MEMORY',
      ['2048.0 MiB'],
    ],
    [
      'a shader',
      'Failed to create a WebGPU compute pipeline: error while parsing WGSL',
      on('webgpu'),
      'SHADER_COMPILE',
      ['driver'],
    ],
    [
      'a .wasm file that is not there',
      'no available backend found. ERR: [wasm] TypeError: Failed to fetch dynamically imported module',
      on('wasm', 'create'),
      'WASM_LOAD',
      ['wasmPaths'],
    ],
    [
      'a .wasm file that is a page',
      'WebAssembly.instantiate(): expected magic word 00 61 73 6d, found 3c 21 64 6f',
      on('wasm', 'create'),
      'WASM_LOAD',
      ['application/wasm'],
    ],
    ['a device that is gone', 'whatever', on('webgpu', 'run', 'GPU reset'), 'DEVICE_LOST', ['GPU reset']],
    [
      'a device that the runtime says is gone',
      'WebGPU device lost (1): A valid external Instance reference no longer exists.',
      on('webgpu'),
      'DEVICE_LOST',
      ['lost'],
    ],
    ['a graph it does not like', 'No Op registered', on('cpu', 'create'), 'SESSION_CREATE', ['No Op registered']],
    ['anything else', 'indices element out of data bounds', on('cpu'), 'SESSION_RUN', ['token ids']],
  ])('%s', (_, message, context, code, words) => {
    const error = explain(new Error(message), context);
    expect(error.code).toBe(code);
    for (const word of words) expect(error.message).toContain(word);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('our own errors pass through', () => {
    const own = new MismatchError('no', { code: 'OWN' });
    expect(explain(own, on('cpu'))).toBe(own);
  });
});

describe('a device of Node that is not there', () => {
  const refusing = (message: string) => ({
    InferenceSession: { create: () => Promise.reject(new Error(message)) },
    Tensor: undefined as never,
  });

  it('CUDA without its libraries names the command that brings them', async () => {
    const error = await openDevice(nodePlatform, 'cuda', {
      ort: refusing('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library'),
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(String(error)).toContain('--onnxruntime-node-install=cuda12');
  });

  it('WebGPU without an adapter says what it needs', async () => {
    const error = await openDevice(nodePlatform, 'webgpu', {
      ort: refusing('Failed to get a WebGPU adapter: No supported adapters'),
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(String(error)).toContain('Vulkan');
  });
});
