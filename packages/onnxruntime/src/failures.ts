import { mebibytes, messageOf } from '@hadamard-adapter/core/internal';
import { HadamardError, RuntimeError } from '@hadamard-adapter/core';
import { deviceLost, outOfMemory } from '@hadamard-adapter/runtime/internal';
import type { Device } from './devices/device.js';

const OUT_OF_MEMORY =
  /out of memory|bad_alloc|failed to allocate|allocation failed|cannot enlarge memory|CUDA_ERROR_OUT_OF_MEMORY|OOM|exceeds the max(imum)? buffer|maxBufferSize|Memory\.grow/i;
const SHADER = /shader|wgsl|pipeline|compilationinfo/i;
const WASM_FILE =
  /wasm streaming compile|both async and sync fetching|failed to asynchronously prepare wasm|initWasm|no available backend|Failed to fetch dynamically imported module|importing a module script|magic (word|number)|WebAssembly\.(instantiate|compile)/i;

const REDUCE_MEMORY =
  'Less is needed with a smaller batch (and "accumulate" for the same step), shorter sequences (maxLength), ' +
  'adapters on the upper layers only (layers), lowMemory: true, a budget for what is kept between forward and ' +
  'backward (maxActivationBytes), or a float16 or int8 file of the model.';

/** What is known when the runtime fails: where, doing what, and how large the weights are. */
export interface FailureContext {
  readonly device: Pick<Device, 'name' | 'lost' | 'explainMissing'>;
  readonly doing: 'create' | 'run';
  /** Bytes of the weights that the session holds. */
  readonly weightBytes: number;
}

/**
 * Turn what ONNX Runtime threw into one of our errors: DEVICE_LOST, DEVICE_UNAVAILABLE, OUT_OF_MEMORY, SHADER_COMPILE,
 * WASM_LOAD, and for anything else SESSION_CREATE or SESSION_RUN, with the runtime's own words.
 */
export function explain(cause: unknown, { device, doing, weightBytes }: FailureContext): HadamardError {
  if (cause instanceof HadamardError) return cause;
  const message = messageOf(cause);
  const gone = device.lost() ?? (/device (is |was )?lost|device.*destroyed/i.test(message) ? message : undefined);
  if (gone !== undefined) return deviceLost(device.name, gone, cause);
  if (doing === 'create' && WASM_FILE.test(message)) {
    return new RuntimeError('The WebAssembly files of ONNX Runtime could not be loaded', {
      code: 'WASM_LOAD',
      found: message,
      expected: 'ort-wasm-simd-threaded*.wasm and .mjs of onnxruntime-web beside the page, served as application/wasm',
      hint: 'Say where they are with the option wasmPaths. After a failure the page has to be loaded again.',
      cause,
    });
  }
  const unavailable = doing === 'create' ? device.explainMissing?.(message, cause) : undefined;
  if (unavailable !== undefined) return unavailable;
  if (OUT_OF_MEMORY.test(message) || cause instanceof RangeError)
    return outOfMemory(device.name, wantedMemory(message, weightBytes), REDUCE_MEMORY, cause);
  if (device.name === 'webgpu' && SHADER.test(message)) {
    return new RuntimeError('The GPU driver could not compile a shader', {
      code: 'SHADER_COMPILE',
      found: message,
      hint: 'A newer browser or graphics driver may; the devices "wasm" and "cpu" need none.',
      cause,
    });
  }
  if (doing === 'create') {
    return new RuntimeError('ONNX Runtime refused the compiled graph', {
      code: 'SESSION_CREATE',
      found: message,
      hint: 'Please report this with the name of the model: the graph was made by us.',
      cause,
    });
  }
  return new RuntimeError('ONNX Runtime could not run the graph', {
    code: 'SESSION_RUN',
    found: message,
    hint: 'Check that token ids and sequence length fit the model.',
    cause,
  });
}

/** How much was wanted, as far as it is known. */
function wantedMemory(message: string, weightBytes: number): string {
  const wanted = /(?:size|of|allocate)\D{0,12}(\d{4,})/i.exec(message)?.[1];
  const tensor = wanted === undefined ? '' : `${mebibytes(Number(wanted))} for one tensor, besides `;
  return `${tensor}${mebibytes(weightBytes)} of weights (${message})`;
}
