import { intAttribute, stringAttribute, type Node } from '../ir/graph.js';
import type { DataType } from '../tensors/tensor.js';
import { elementCount } from '../tensors/elements.js';
import { broadcastDims, broadcastIndex } from './broadcast.js';
import { erf } from './erf.js';
import { need, type Operator } from './operator.js';
import type { Value } from '../shapes/value.js';

const unary = (f: (x: number, node: Node) => number, dtype?: DataType): Operator => ({
  shape(node, inputs) {
    const x = need(node, inputs, 0);
    return [{ dtype: dtype ?? x.dtype, dims: x.dims }];
  },
  compute: (node, [x]) => [(x as Value & { data: Float64Array }).data.map((value) => f(value, node))],
});

/**
 * An operator of `least` or more inputs that broadcast against each other; its type is that of the input at `typeFrom`
 * unless it has one of its own.
 */
const broadcasting = (
  f: (values: number[], dtype: DataType, node: Node) => number,
  { least = 1, dtype, typeFrom = 0 }: { least?: number; dtype?: DataType | undefined; typeFrom?: number } = {},
): Operator => ({
  shape(node, inputs) {
    const present = Array.from({ length: Math.max(least, inputs.length) }, (_, i) => need(node, inputs, i));
    return [
      {
        dtype: dtype ?? need(node, inputs, typeFrom).dtype,
        dims: broadcastDims(
          node,
          present.map(({ dims }) => dims),
        ),
      },
    ];
  },
  compute(node, inputs, [output]) {
    const { dims, dtype: type } = output as Value;
    const sources = inputs.map((value) => ({
      data: value.data as Float64Array,
      index: broadcastIndex(value.dims, dims),
    }));
    const values = sources.map(() => 0);
    const result = new Float64Array(elementCount(dims));
    for (let i = 0; i < result.length; i++) {
      sources.forEach(({ data, index }, k) => {
        values[k] = data[index[i] as number] as number;
      });
      result[i] = f(values, type, node);
    }
    return [result];
  },
});

const two = (f: (a: number, b: number, dtype: DataType) => number, dtype?: DataType): Operator =>
  broadcasting(([a, b], type) => f(a as number, b as number, type), { least: 2, dtype });
const truth = (f: (a: number, b: number) => boolean): Operator => two((a, b) => Number(f(a, b)), 'bool');
const isInteger = (dtype: DataType): boolean => /^u?int/.test(dtype);

/** Types by their number in TensorProto.DataType, as Cast names them. */
const CAST_TYPES: Readonly<Record<number, DataType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  16: 'bfloat16',
};

function castTo(value: number, dtype: DataType): number {
  if (dtype === 'bool') return Number(value !== 0);
  return isInteger(dtype) ? Math.trunc(value) : value;
}

const cast: Operator = {
  shape(node, inputs) {
    const x = need(node, inputs, 0);
    return [{ dtype: CAST_TYPES[intAttribute(node, 'to', 1)] ?? x.dtype, dims: x.dims }];
  },
  compute: (_, [x], [output]) => [
    ((x as Value).data as Float64Array).map((value) => castTo(value, (output as Value).dtype)),
  ],
};

/** The remainder with the sign of the divisor, or of the dividend as C's fmod has it. */
const modulo = (a: number, b: number, ofDividend: boolean): number => (ofDividend ? a % b : a - b * Math.floor(a / b));

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

function gelu(x: number, node: Node): number {
  if (stringAttribute(node, 'approximate', 'none') === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** Absent bounds of Clip are no bounds. */
const clip: Operator = {
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  compute(_, inputs) {
    const [x, low, high] = inputs as [Value, Value | undefined, Value | undefined];
    const [least, most] = [low?.data?.[0] ?? Number.NEGATIVE_INFINITY, high?.data?.[0] ?? Number.POSITIVE_INFINITY];
    return [(x.data as Float64Array).map((value) => Math.min(Math.max(value, least), most))];
  },
};

export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Abs: unary(Math.abs),
  Add: two((a, b) => a + b),
  And: truth((a, b) => a !== 0 && b !== 0),
  Cast: cast,
  Ceil: unary(Math.ceil),
  Clip: clip,
  Cos: unary(Math.cos),
  Div: two((a, b, dtype) => (isInteger(dtype) ? Math.trunc(a / b) : a / b)),
  Dropout: unary((x) => x),
  Equal: truth((a, b) => a === b),
  Erf: unary(erf),
  Exp: unary(Math.exp),
  Floor: unary(Math.floor),
  Gelu: unary(gelu),
  Greater: truth((a, b) => a > b),
  GreaterOrEqual: truth((a, b) => a >= b),
  Identity: unary((x) => x),
  IsNaN: unary((x) => Number(Number.isNaN(x)), 'bool'),
  Less: truth((a, b) => a < b),
  LessOrEqual: truth((a, b) => a <= b),
  Log: unary(Math.log),
  Max: broadcasting((values) => Math.max(...values)),
  Min: broadcasting((values) => Math.min(...values)),
  Mod: broadcasting(([a, b], _, node) => modulo(a as number, b as number, intAttribute(node, 'fmod', 0) === 1), {
    least: 2,
  }),
  Mul: two((a, b) => a * b),
  Neg: unary((x) => -x),
  Not: unary((x) => Number(x === 0), 'bool'),
  Or: truth((a, b) => a !== 0 || b !== 0),
  Pow: two((a, b) => a ** b),
  Reciprocal: unary((x) => 1 / x),
  Relu: unary((x) => Math.max(x, 0)),
  Sigmoid: unary(sigmoid),
  Sign: unary(Math.sign),
  Sin: unary(Math.sin),
  Softplus: unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Sqrt: unary(Math.sqrt),
  Sub: two((a, b) => a - b),
  Sum: broadcasting((values) => values.reduce((sum, value) => sum + value, 0)),
  Tanh: unary(Math.tanh),
  Where: broadcasting(([condition, a, b]) => (condition === 0 ? (b as number) : (a as number)), {
    least: 3,
    typeFrom: 1,
  }),
};
