export type {
  Executor,
  MakeExecutor,
  MicroBatch,
  ParameterStore,
  RunInputs,
  SplitSource,
} from './executor/executor.js';
export { checkOptimizer, sameGroups } from './session/store.js';
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
export { makeConformanceDriver, type ConformanceRuntime } from './session/conformance-driver.js';
export type { BaseModel, LoadOptions } from './session/base-model.js';
export { loadAdapter, optionsForAdapter, saveAdapter, type AdapterInfo } from './session/adapter.js';
export { loadReferenceModel } from './reference/reference.js';
export { TRIAL_GRAPH, trialAnswer, trialInput } from './devices/trial.js';
