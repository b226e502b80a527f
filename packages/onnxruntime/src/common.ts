export type { Arithmetic } from './arithmetic.js';
export type { BaseModel, LoadModel, LoadOptions } from './load.js';
export type { ModelBytes } from './source.js';
export type { DeviceOptions, Notice } from './devices/device.js';
export type { DeviceReport } from './devices/probe.js';
export type { CreateServer, ServerOptions } from './serve/server.js';
export type { OrtModule } from './ort.js';
// What a session is and how adapters are saved does not depend on the runtime; given again here so that one import is
// enough.
export {
  BASE_ADAPTER,
  loadAdapter,
  optionsForAdapter,
  saveAdapter,
  type AdapterInfo,
  type AdapterServer,
  type AdapterSession,
  type PredictOptions,
} from '@hadamard-adapter/runtime/internal';
