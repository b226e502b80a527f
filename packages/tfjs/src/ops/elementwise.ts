import { elementAt } from '@hadamard-adapter/core/internal';
import { floatAttribute, stringAttribute } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { tfType } from '../graph/operand.js';
import type { Tf } from '../tf.js';
import { dimsOf, isGiven, numbersOf, tensorOf, type Call, type DeviceOperator } from './operator.js';

const unary =
  (f: (tf: Tf, x: Tensor) => Tensor): DeviceOperator =>
  (call) =>
    f(call.tf, tensorOf(call, 0));

/** Both operands broadcast, as in ONNX. */
const binary =
  (f: (tf: Tf, a: Tensor, b: Tensor) => Tensor): DeviceOperator =>
  (call) =>
    f(call.tf, tensorOf(call, 0), tensorOf(call, 1));

const variadic =
  (f: (tf: Tf, a: Tensor, b: Tensor) => Tensor): DeviceOperator =>
  (call) =>
    call.operands.map((_, i) => tensorOf(call, i)).reduce((a, b) => f(call.tf, a, b));

/** A tensor of its own over the same memory: what a node answers can be disposed without its operand. */
const same: DeviceOperator = (call) => call.tf.clone(tensorOf(call, 0));

/** x·Φ(x), or its approximation by tanh. */
const gelu: DeviceOperator = (call) => {
  const { tf, node } = call;
  const x = tensorOf(call, 0);
  if (stringAttribute(node, 'approximate', 'none') === 'tanh') {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, tf.add(tf.tanh(inner), 1)), 0.5);
  }
  return tf.mul(tf.mul(x, tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)), 0.5);
};

const clip: DeviceOperator = (call) => {
  const bound = (index: number, attribute: string, otherwise: number): number =>
    isGiven(call, index) ? elementAt(numbersOf(call, index), 0) : floatAttribute(call.node, attribute, otherwise);
  return call.tf.clipByValue(tensorOf(call, 0), bound(1, 'min', -3.4e38), bound(2, 'max', 3.4e38));
};

const cast: DeviceOperator = (call) => {
  const [x, type] = [tensorOf(call, 0), tfType(call.outputs[0]?.dtype ?? 'float32')];
  return x.dtype === type ? same(call) : call.tf.cast(x, type);
};

const where: DeviceOperator = (call) => {
  const condition = tensorOf(call, 0);
  const { tf } = call;
  return tf.where(
    condition.dtype === 'bool' ? condition : tf.cast(condition, 'bool'),
    tensorOf(call, 1),
    tensorOf(call, 2),
  );
};

const expand = (call: Call): Tensor => call.tf.broadcastTo(tensorOf(call, 0), dimsOf(call));

export const ELEMENTWISE: Readonly<Record<string, DeviceOperator>> = {
  Abs: unary((tf, x) => tf.abs(x)),
  Add: binary((tf, a, b) => tf.add(a, b)),
  And: binary((tf, a, b) => tf.logicalAnd(a, b)),
  Cast: cast,
  Ceil: unary((tf, x) => tf.ceil(x)),
  Clip: clip,
  Cos: unary((tf, x) => tf.cos(x)),
  Div: binary((tf, a, b) => tf.div(a, b)),
  Dropout: same,
  Equal: binary((tf, a, b) => tf.equal(a, b)),
  Erf: unary((tf, x) => tf.erf(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Expand: expand,
  Floor: unary((tf, x) => tf.floor(x)),
  Gelu: gelu,
  Greater: binary((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: binary((tf, a, b) => tf.greaterEqual(a, b)),
  Identity: same,
  IsNaN: unary((tf, x) => tf.isNaN(x)),
  Less: binary((tf, a, b) => tf.less(a, b)),
  LessOrEqual: binary((tf, a, b) => tf.lessEqual(a, b)),
  Log: unary((tf, x) => tf.log(x)),
  Max: variadic((tf, a, b) => tf.maximum(a, b)),
  Min: variadic((tf, a, b) => tf.minimum(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  Neg: unary((tf, x) => tf.neg(x)),
  Not: unary((tf, x) => tf.logicalNot(x)),
  Or: binary((tf, a, b) => tf.logicalOr(a, b)),
  Pow: binary((tf, a, b) => tf.pow(a, b)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  Relu: unary((tf, x) => tf.relu(x)),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  Sign: unary((tf, x) => tf.sign(x)),
  Sin: unary((tf, x) => tf.sin(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Sum: variadic((tf, a, b) => tf.add(a, b)),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Where: where,
};
