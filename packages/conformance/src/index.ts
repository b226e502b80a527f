export {
  DEFAULT_VARIANTS,
  collectCases,
  keyPattern,
  type Collection,
  type Filter,
  type NotCovered,
} from './collect.js';
export type { Bench, Case, Errors } from './cases/case.js';
export {
  FLOAT32_TOLERANCES,
  type Driver,
  type Gap,
  type LoadOptions,
  type LoadedModel,
  type ModelSource,
  type PlainModel,
  type Tolerances,
} from './driver.js';
export { readFixture, type Fixture, type GoldenDescription, type ReadFile } from './fixture.js';
export { runCoreSuite } from './core-suite.js';
export { INT8_BOUNDS, precisionOf, tolerancesFor, type Precision } from './precision.js';
export type { CaseResult, ModelCount, SuiteReport } from './report.js';
export { runSuite, type SuiteOptions } from './suite.js';
