export * from './errors.js';
export { type DataType, BYTES_PER_ELEMENT, type Tensor } from './tensors/tensor.js';
export {
  type Attribute,
  type Attributes,
  type Node,
  type ValueInfo,
  type Graph,
  int,
  float,
  ints,
  string,
  INTERNAL_DOMAIN,
  intAttribute,
  floatAttribute,
  intsAttribute,
  stringAttribute,
  operatorName,
} from './ir/graph.js';
export {
  elementCount,
  toNumbers,
  toFloat32,
  fromNumbers,
  float32Tensor,
  int64Tensor,
  scalarTensor,
  scalarValue,
  dimsText,
} from './tensors/elements.js';
export { fromFloat16, toFloat16, fromBfloat16, toBfloat16 } from './tensors/float16.js';
export { checkGraph } from './ir/check.js';
export { indexGraph, type GraphIndex } from './ir/index-graph.js';
export { freshNames, type FreshNames } from './ir/names.js';
export { prune } from './ir/prune.js';
export { makeNode } from './ir/node.js';
export { sortGraph, sortNodes } from './ir/sort.js';
export { capturedValues, definedValues, subgraphs, usedValues } from './ir/uses.js';
export { MIN_OPSET, readModel, type ReadOptions } from './format/read/read.js';
export type { ExternalData } from './format/read/external.js';
export type { ReadLimits } from './format/read/scan.js';
export { concatChunks } from './format/write/chunks.js';
export { placedIn } from './format/write/external.js';
export type { ExternalLocation, LocateTensor } from './format/write/location.js';
export { writeModel, writeModelWithExternalData, type WriteOptions } from './format/write/write.js';
export { evaluate, type EvaluateOptions } from './reference/evaluate.js';
export { inferNode, factsOf } from './operators/infer.js';
export { OPERATORS } from './operators/operators.js';
export type { AxisContext, AxisRule, GradientRule, Operator, RuleContext } from './operators/operator.js';
export { dimText, evaluateDim, sameDim, symbol, type Dim } from './shapes/dim.js';
export type { Fact, Value } from './shapes/fact.js';
export type { Facts } from './builder/facts.js';
export type { Builder } from './builder/builder.js';
export { readMetadata } from './format/read/metadata.js';
