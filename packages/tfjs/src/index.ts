export { loadModel, type LoadOptions, type TfSession } from './load.js';
export { availableDevices, probeDevices } from './devices/devices.js';
export type { Tf } from './tf.js';
// What a session is and how adapters are saved does not depend on the runtime; given again here so that one import is
// enough.
export {
  loadAdapter,
  optionsForAdapter,
  saveAdapter,
  type AdapterInfo,
  type AdapterSession,
  type BaseModel,
  type DeviceReport,
} from '@hadamard-adapter/runtime/internal';
