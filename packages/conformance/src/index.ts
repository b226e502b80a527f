export { DEFAULT_VARIANTS, collectCases, keyPattern, type Collection, type Filter, type NotCovered } from './collect.js';
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
export { runSuite, type CaseResult, type SuiteOptions, type SuiteReport } from './suite.js';
