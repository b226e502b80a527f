export { rotaryTables } from './forms/rotary-tables.js';
export { canonicalize, type CanonicalizeOptions } from './canonicalize.js';
export type { CanonicalGraph } from './forms/canonical-graph.js';
export { CANONICAL, LOWERED, lower, runPasses, tracePasses, type PassTrace } from './passes.js';
export type { Pass, PassContext } from './passes/pass.js';
export type { Precision } from '@hadamard-adapter/core';
export { TOKEN_INPUTS } from './forms/token-inputs.js';
export { findSites, type SiteInfo } from './sites/sites.js';
export { chooseNorms, chooseSites, type ChosenNorm, type SiteChoice } from './sites/choose.js';
export { describeModel, type ModelDescription, type SiteDescription } from './describe.js';
export type { AdapterPlacement } from './adapters/insert.js';
export { insertBaseline, type Baseline } from './adapters/baselines/baseline.js';
export { initialValues, type InitialValue, type Parameter } from './adapters/parameters.js';
export { DROPOUT_INPUT } from './heads/head.js';
export { TARGETS_INPUT } from './heads/loss.js';
export { differentiate, type Differentiated } from './gradients/differentiate.js';
export { GRADIENTS_OUTPUT, PARAMETERS_INPUT } from './forms/names.js';
export { buildAdapterModel, parameterInfo, type AdapterModel, type AdapterModelOptions } from './model.js';
export {
  compileForward,
  compileInference,
  compilePrefix,
  compileSiteInput,
  compileTraining,
  trainingActivations,
  trainingCuts,
  type InferenceOutput,
} from './compile.js';
export {
  UPDATE_SETTINGS,
  compileAccumulation,
  compileUpdate,
  type UpdateSettings,
  type UpdateShape,
} from './optimizer.js';
export type { Int8Bits } from './forms/int8-bits.js';
export type { ActivationBudget, BatchSize } from './gradients/recompute.js';
export type { ActivationCut, CutValue } from './gradients/activation-cut.js';
export { compileServing, compileServingRows } from './compile-serving.js';
export { ROWS_INPUT } from './serving/per-row.js';
export { buildServingModel, unionOfNorms, type ServingModel, type ServingOptions } from './serving/model.js';
export { foldAdapters } from './merge-adapters.js';
export type { ParameterValues } from './merge/fold.js';
export { unfoldAdapters } from './merge/unfold.js';
export { fromPeft, type PeftOptions } from './peft/peft.js';
export { isPeftFolder } from './peft/config.js';
export { readEncoder, type EncoderOptions } from './families/read-encoder.js';
export { BUILDABLE, buildEncoder } from './families/build.js';
export { inputLimits, type InputLimits } from './families/families.js';
export type { ModelConfig } from './families/family.js';
export { checkpointWeights, placeholderWeights, type WeightSource } from './families/weights.js';
export {
  checkAdapter,
  servingOptions,
  type CheckedAdapter,
  type ServedOutput,
  type ServingBase,
} from './serving/adapter.js';
