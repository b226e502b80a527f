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
export { makeNode } from './ir/rewrite.js';
export { sortGraph, sortNodes } from './ir/sort.js';
export { capturedValues, definedValues, subgraphs, usedValues } from './ir/uses.js';
export { MIN_OPSET, readModel, type ReadOptions } from './format/read/read.js';
export type { ExternalData } from './format/read/external.js';
export type { ReadLimits } from './format/read/scan.js';
export { concatChunks } from './format/write/chunks.js';
export type { Place } from './format/write/encode.js';
export { placedIn, type Placement } from './format/write/external.js';
export { writeModel, writeModelWithExternalData, type WriteOptions } from './format/write/write.js';
export { evaluate, type EvaluateOptions } from './reference/evaluate.js';
export { OPERATORS, inferNode } from './operators/registry.js';
export type { Operator } from './operators/operator.js';
export { permutationOf, sliceRanges, type SliceRange } from './operators/movement.js';
export { attentionScale } from './operators/products.js';
export { reducedAxes } from './operators/reduce.js';
export type { Value } from './shapes/value.js';
export type { GradientRule, RuleContext } from './operators/gradients/rule.js';
export { readMetadata } from './format/read/metadata.js';
