export { loadAdapter, optionsForAdapter, saveAdapter, type AdapterInfo } from './adapter.js';
export { loadModel, type AdapterSession, type BaseModel, type LoadOptions } from './load.js';
export type { OrtModule } from './session.js';
