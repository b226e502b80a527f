import {
  RetryOnDeviceLoss,
  compileModel,
  makeSession,
  readBase,
  type BaseModel as AnyBaseModel,
  type LoadOptions as CommonOptions,
  type LocalSession,
} from '@hadamard-adapter/runtime/internal';
import { int8BitsFor, type Arithmetic } from './arithmetic.js';
import type { DeviceOptions, Platform, WeightFiles } from './devices/device.js';
import { openDevice } from './devices/open.js';
import { OrtExecutor } from './executor.js';
import type { SessionSettings } from './session.js';
import { readBytes, type ModelBytes } from './source.js';

/**
 * A base model: an ONNX file (its bytes, a File, or the URL to fetch it from), or a graph that was built or read
 * before.
 */
export type BaseModel = AnyBaseModel<ModelBytes>;

export interface LoadOptions extends CommonOptions, SessionSettings, DeviceOptions {
  /** Default: `cpu` in Node, `wasm` in a browser. `availableDevices` tells which there are. */
  readonly device?: string;
  /** Default `float32`. */
  readonly arithmetic?: Arithmetic;
  /** While a model is fetched: bytes so far, and of how many where the server says. */
  readonly onDownload?: (loaded: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/**
 * Load a base model for training and inference with Hadamard adapters on ONNX Runtime.
 *
 * @throws FormatError for a file that is not an ONNX model; UnsupportedError for a model without recognisable
 *   attention; ConfigError for settings that contradict, DEVICE_UNKNOWN, WASM_THREADS, ARITHMETIC_UNKNOWN,
 *   ARITHMETIC_DEVICE; RuntimeError RUNTIME_MISSING, DEVICE_UNAVAILABLE, MODEL_FETCH.
 */
export type LoadModel = (base: BaseModel, options: LoadOptions) => Promise<LocalSession>;

export function loaderFor(platform: Platform, defaultDevice: string): LoadModel {
  return async (base, options) => {
    const name = options.device ?? defaultDevice;
    // Before the model: whatever is wrong with the device is known at once.
    const device = await openDevice(platform, name, options);
    let files: WeightFiles | undefined;
    try {
      const int8Bits = await int8BitsFor(device, options.arithmetic);
      const read = await readBase(base, (model) => readBytes(model, { ...options, readFile: platform.readFile }));
      files = options.lowMemory === true ? await platform.openWeightFiles?.() : undefined;
      const compiled = compileModel(files?.offload(read) ?? read, {
        ...options,
        ...(int8Bits === undefined ? {} : { int8Bits }),
      });
      const retried = new RetryOnDeviceLoss(device, () => openDevice(platform, name, options));
      return makeSession(
        compiled,
        (parameters) => new OrtExecutor(retried, compiled, parameters, options, files),
        { runtime: 'onnxruntime', device: name },
        options,
      );
    } catch (error) {
      files?.dispose();
      device.close();
      throw error;
    }
  };
}
