export { loadModel, type BaseModel, type LoadOptions } from './load.js';
export type { OrtModule } from './session.js';
// What a session is and how adapters are saved does not depend on the runtime; given again here so that one import is enough.
export { loadAdapter, optionsForAdapter, saveAdapter, type AdapterInfo, type AdapterSession } from '@hadamard-adapter/onnx';
