export * from './graph/graph.js';
export * from './graph/tensors.js';
export * from './graph/float16.js';
export { checkGraph } from './graph/check.js';
export { indexGraph, type GraphIndex } from './graph/index-graph.js';
export { freshNames, type FreshNames } from './graph/names.js';
export { prune } from './graph/prune.js';
export { rotaryTables } from './graph/angles.js';
export { makeNode } from './graph/rewrite.js';
export { sortGraph, sortNodes } from './graph/sort.js';
export { capturedValues, definedValues, subgraphs, usedValues } from './graph/uses.js';

export { MIN_OPSET, readModel, type ReadOptions } from './read/read.js';
export type { ExternalData } from './read/external.js';
export type { ReadLimits } from './read/scan.js';

export { concatChunks } from './write/chunks.js';
export type { Place } from './write/encode.js';
export { placedIn, type Placement } from './write/external.js';
export { writeModel, writeModelWithExternalData, type WriteOptions } from './write/write.js';

export { evaluate, type EvaluateOptions } from './ops/evaluate.js';
export { OPERATORS, inferNode } from './ops/registry.js';
export type { Operator } from './ops/operator.js';
export { permutationOf, sliceRanges, type SliceRange } from './ops/movement.js';
export { attentionScale } from './ops/products.js';
export { reducedAxes } from './ops/reduce.js';
export type { Value } from './ops/value.js';

export {
  canonicalize,
  type CanonicalGraph,
  type CanonicalizeOptions,
  type Precision,
} from './canonicalize/canonicalize.js';
export { TOKEN_INPUTS } from './canonicalize/inputs.js';
export { findSites, type SiteInfo } from './sites/sites.js';
export { chooseNorms, chooseSites, type ChosenNorm, type SiteChoice } from './sites/choose.js';
export { describeModel, type ModelDescription, type SiteDescription } from './sites/describe.js';
export type { AdapterPlacement } from './adapt/insert.js';
export { insertBaseline, type Baseline } from './adapt/baselines/baseline.js';
export { initialValues, type InitialValue, type Parameter } from './adapt/parameters.js';
export { DROPOUT_INPUT } from './head/head.js';
export { TARGETS_INPUT } from './head/loss.js';
export { differentiate, type Differentiated } from './differentiate/differentiate.js';
export type { GradientRule, RuleContext } from './differentiate/rule.js';
export { GRADIENTS_OUTPUT, PARAMETERS_INPUT } from './lower/flatten.js';
export { lower } from './lower/lower.js';
export { buildAdapterModel, parameterInfo, type AdapterModel, type AdapterModelOptions } from './compile/model.js';
export {
  compileForward,
  compileInference,
  compilePrefix,
  compileSiteInput,
  compileTraining,
  trainingActivations,
  trainingFrontiers,
  type InferenceOutput,
} from './compile/compile.js';
export {
  UPDATE_SETTINGS,
  compileAccumulation,
  compileUpdate,
  type UpdateSettings,
  type UpdateShape,
} from './compile/optimizer.js';
export type { Int8Bits } from './compile/int8-weights.js';
export type { ActivationBudget, BatchSize } from './compile/recompute.js';
export type { Frontier, FrontierValue } from './compile/frontier.js';
export { compileServing, compileServingRows, type ServedOutput } from './serve/compile.js';
export { ROWS_INPUT } from './serve/per-row.js';
export { buildServingModel, unionOfNorms, type ServingModel, type ServingOptions } from './serve/model.js';
export {
  baseAdapter,
  checkAdapter,
  headShape,
  joinServing,
  layOut,
  servingOptions,
  widen,
  type CheckedAdapter,
  type LoadedAdapter,
  type ServedAdapter,
  type ServingBase,
} from './serve/adapter.js';
export { foldAdapters, type ParameterValues } from './fold/fold.js';
export { unfoldAdapters } from './fold/unfold.js';
export { fromPeft, type PeftOptions } from './peft/peft.js';
export { isPeftFolder } from './peft/config.js';
export { readMetadata } from './read/metadata.js';
export { readEncoder, type EncoderOptions } from './build/read-encoder.js';
export { BUILDABLE, buildEncoder } from './build/build.js';
export { checkpointWeights, placeholderWeights, type WeightSource } from './build/weights.js';

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
export { PROBE, expectedAnswer, probeInput } from './reference/probe.js';
