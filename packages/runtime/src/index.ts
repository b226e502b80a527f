export type { Executor, MakeExecutor, RunInputs, SplitSource } from './session/executor.js';
export { checkOptimizer, sameGroups, type MicroBatch, type ParameterStore } from './session/store.js';
export {
  compileModel,
  makeSession,
  type AdapterSession,
  type CompiledDescription,
  type LocalSession,
  type SessionOptions,
} from './session/session.js';
export { baseWeights } from './session/digest.js';
export { floatInput, inputValue, tokenInput, tokenValue } from './session/inputs.js';
export {
  driverFor,
  type PlainModel,
  type RuntimeDriver,
  type TestedRuntime,
  type TestedSession,
  type TestedSource,
} from './session/tested.js';
export { loadAdapter, optionsForAdapter, saveAdapter, type AdapterInfo } from './session/adapter.js';
export { loadReferenceModel } from './reference/reference.js';
export { PROBE, expectedAnswer, probeInput } from './devices/trial.js';
