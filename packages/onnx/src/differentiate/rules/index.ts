import type { GradientRule } from '../rule.js';
import * as elementwise from './elementwise.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import * as products from './products.js';
import * as reductions from './reductions.js';

/** Gradient rules by operator name. What is not here stops the compiler with an error that names the node. */
export const GRADIENT_RULES: Readonly<Record<string, GradientRule>> = {
  Add: elementwise.add,
  Attention: products.attention,
  Cast: elementwise.passThrough,
  Concat: movement.concat,
  Div: elementwise.divide,
  Erf: elementwise.errorFunction,
  Exp: elementwise.exponential,
  Expand: movement.expand,
  Flatten: movement.reshape,
  Gather: movement.gather,
  Gelu: elementwise.gelu,
  'hadamard:Linear': products.linear,
  Identity: elementwise.passThrough,
  LayerNormalization: normalization.layerNormalization,
  Log: elementwise.logarithm,
  MatMul: products.matMul,
  Mul: elementwise.multiply,
  Neg: elementwise.negate,
  Pow: elementwise.power,
  Reciprocal: elementwise.reciprocal,
  RMSNormalization: normalization.rmsNormalization,
  ReduceLogSumExp: reductions.reduceLogSumExp,
  ReduceMean: reductions.reduceMean,
  ReduceSum: reductions.reduceSum,
  Relu: elementwise.relu,
  Reshape: movement.reshape,
  Sigmoid: elementwise.sigmoid,
  Slice: movement.slice,
  Softmax: normalization.softmax,
  Softplus: elementwise.softplus,
  Sqrt: elementwise.squareRoot,
  Squeeze: movement.reshape,
  Sub: elementwise.subtract,
  Tanh: elementwise.tanh,
  Transpose: movement.transpose,
  Unsqueeze: movement.reshape,
  Where: elementwise.where,
};
