import { abs } from './abs.js';
import { add } from './add.js';
import { and } from './and.js';
import { attention } from './attention.js';
import { cast } from './cast.js';
import { ceil } from './ceil.js';
import { clip } from './clip.js';
import { concat } from './concat.js';
import { constant } from './constant.js';
import { constantOfShape } from './constant-of-shape.js';
import { cos } from './cos.js';
import { cumSum } from './cum-sum.js';
import { dequantizeLinear } from './dequantize-linear.js';
import { div } from './div.js';
import { dropout } from './dropout.js';
import { dynamicQuantizeLinear } from './dynamic-quantize-linear.js';
import { equal } from './equal.js';
import { erf } from './erf.js';
import { exp } from './exp.js';
import { expand } from './expand.js';
import { flatten } from './flatten.js';
import { floor } from './floor.js';
import { gather } from './gather.js';
import { gatherElements } from './gather-elements.js';
import { gatherND } from './gather-nd.js';
import { gelu } from './gelu.js';
import { gemm } from './gemm.js';
import { greater } from './greater.js';
import { greaterOrEqual } from './greater-or-equal.js';
import { identity } from './identity.js';
import { isNaN } from './is-nan.js';
import { layerNormalization } from './layer-normalization.js';
import { less } from './less.js';
import { lessOrEqual } from './less-or-equal.js';
import { linear } from './linear.js';
import { log } from './log.js';
import { logSoftmax } from './log-softmax.js';
import { matMul } from './mat-mul.js';
import { matMulInteger } from './mat-mul-integer.js';
import { max } from './max.js';
import { min } from './min.js';
import { mod } from './mod.js';
import { mul } from './mul.js';
import { neg } from './neg.js';
import { not } from './not.js';
import { or } from './or.js';
import { pad } from './pad.js';
import { pow } from './pow.js';
import { quantizedLinear } from './quantized-linear.js';
import { range } from './range.js';
import { reciprocal } from './reciprocal.js';
import { reduceL2 } from './reduce-l2.js';
import { reduceLogSumExp } from './reduce-log-sum-exp.js';
import { reduceMax } from './reduce-max.js';
import { reduceMean } from './reduce-mean.js';
import { reduceMin } from './reduce-min.js';
import { reduceProd } from './reduce-prod.js';
import { reduceSum } from './reduce-sum.js';
import { reduceSumSquare } from './reduce-sum-square.js';
import { relu } from './relu.js';
import { reshape } from './reshape.js';
import { rmsNormalization } from './rms-normalization.js';
import { scatterElements } from './scatter-elements.js';
import { scatterND } from './scatter-nd.js';
import { shape } from './shape.js';
import { sigmoid } from './sigmoid.js';
import { sign } from './sign.js';
import { sin } from './sin.js';
import { size } from './size.js';
import { slice } from './slice.js';
import { softmax } from './softmax.js';
import { softplus } from './softplus.js';
import { split } from './split.js';
import { sqrt } from './sqrt.js';
import { squeeze } from './squeeze.js';
import { sub } from './sub.js';
import { sum } from './sum.js';
import { tanh } from './tanh.js';
import { tile } from './tile.js';
import { transpose } from './transpose.js';
import { unsqueeze } from './unsqueeze.js';
import { where } from './where.js';
import { biasGelu } from './fused/bias-gelu.js';
import { embedLayerNormalization } from './fused/embed-layer-normalization.js';
import { fastGelu } from './fused/fast-gelu.js';
import { fusedGelu } from './fused/gelu.js';
import { fusedGemm } from './fused/fused-gemm.js';
import { fusedMatMul } from './fused/fused-mat-mul.js';
import { multiHeadAttention } from './fused/multi-head-attention.js';
import { packedAttention } from './fused/attention.js';
import { quickGelu } from './fused/quick-gelu.js';
import { simplifiedLayerNormalization } from './fused/simplified-layer-normalization.js';
import { skipLayerNormalization } from './fused/skip-layer-normalization.js';
import { skipSimplifiedLayerNormalization } from './fused/skip-simplified-layer-normalization.js';
import type { Operator } from './operator.js';
import { operatorName, type Node } from '../ir/graph.js';

/** Every operator that is known, one file each. What is known of one stands there and nowhere else. */
const ENTRIES: readonly Operator[] = [
  abs,
  add,
  and,
  attention,
  cast,
  ceil,
  clip,
  concat,
  constant,
  constantOfShape,
  cos,
  cumSum,
  dequantizeLinear,
  div,
  dropout,
  dynamicQuantizeLinear,
  equal,
  erf,
  exp,
  expand,
  flatten,
  floor,
  gather,
  gatherElements,
  gatherND,
  gelu,
  gemm,
  greater,
  greaterOrEqual,
  identity,
  isNaN,
  layerNormalization,
  less,
  lessOrEqual,
  linear,
  log,
  logSoftmax,
  matMul,
  matMulInteger,
  max,
  min,
  mod,
  mul,
  neg,
  not,
  or,
  pad,
  pow,
  quantizedLinear,
  range,
  reciprocal,
  reduceL2,
  reduceLogSumExp,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
  reduceSumSquare,
  relu,
  reshape,
  rmsNormalization,
  scatterElements,
  scatterND,
  shape,
  sigmoid,
  sign,
  sin,
  size,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  squeeze,
  sub,
  sum,
  tanh,
  tile,
  transpose,
  unsqueeze,
  where,
  biasGelu,
  embedLayerNormalization,
  fastGelu,
  fusedGelu,
  fusedGemm,
  fusedMatMul,
  multiHeadAttention,
  packedAttention,
  quickGelu,
  simplifiedLayerNormalization,
  skipLayerNormalization,
  skipSimplifiedLayerNormalization,
];

/** By `operatorName`. Meanings are those of opset 18, or of the first opset that has the operator. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(ENTRIES.map((entry) => [entry.name, entry]));

/** What is known of the operator of a node; nothing of one that has no entry. */
export const operatorOf = (node: Pick<Node, 'op' | 'domain'>): Partial<Operator> =>
  OPERATORS.get(operatorName(node)) ?? {};
