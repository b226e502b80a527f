export {
  DEFAULT_VARIANTS,
  collectCases,
  keyPattern,
  type Collection,
  type Filter,
  type NotCovered,
} from './collect.js';
export type { Bench, Case, Errors } from './cases/case.js';
export { readFixture, type Fixture, type GoldenDescription, type ReadFile } from './fixture.js';
export { runCoreSuite } from './core-suite.js';
export { FLOAT32_TOLERANCES, INT8_BOUNDS, precisionOf, tolerancesFor } from './precision.js';
// What a driver is belongs to core, so that runtimes bring one without depending on the suite.
export type { Precision } from '@hadamard-adapter/core';
export type {
  Driver,
  DriverOptions as LoadOptions,
  Gap,
  LoadedModel,
  ModelSource,
  PlainModel,
  Tolerances,
} from '@hadamard-adapter/core/driver';
export type { CaseResult, ModelCount, SuiteReport } from './report.js';
export { runSuite, type SuiteOptions } from './suite.js';
