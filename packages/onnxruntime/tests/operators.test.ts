import { OPERATORS, float, int, ints, string, type Attributes } from '@hadamard-adapter/graph/internal';
import { describe, expect, it } from 'vitest';
import {
  booleans,
  executed,
  floats,
  integers,
  interpreted,
  positive,
  scalar,
  type OneNode,
  type Operand,
} from './support/one-node.js';

/**
 * Operators that are not of ONNX, or that ONNX Runtime takes at no opset that the compiler writes; the agreement tests
 * cover them in whole models, and contrib.test.ts.
 */
const ELSEWHERE = ['hadamard:Linear', 'hadamard:QuantizedLinear', 'Attention', 'com.microsoft:FusedMatMul'];

const one = (
  op: string,
  what: string,
  inputs: readonly (Operand | undefined)[],
  attributes: Attributes = {},
  more: Partial<OneNode> = {},
): OneNode => ({ op, what, inputs, attributes, ...more });
const unary = (op: string, x: Operand = floats(2, 3)): OneNode => one(op, 'of a matrix', [x]);
const binary = (op: string, a: Operand = floats(2, 3, 4), b: Operand = floats(3, 1)): OneNode =>
  one(op, 'broadcast', [a, b]);
const reduce = (op: string, x: Operand = positive(2, 3, 4)): OneNode[] => [
  one(op, 'of one axis', [x, integers([1])]),
  one(op, 'of axes from the back, dropped', [x, integers([-1, 0])], { keepdims: int(0) }),
  one(op, 'of everything', [x]),
  one(op, 'of nothing', [x, undefined], { noop_with_empty_axes: int(1) }),
];
/** Varied integers of one byte. */
const levels = (dtype: 'uint8' | 'int8', ...dims: number[]): Operand => ({
  dtype,
  dims,
  data: floats(...dims).data.map((value) => Math.round(60 * value) + (dtype === 'uint8' ? 128 : 0)),
});
const truths = booleans([1, 0, 1, 0, 0, 1], [2, 3]);

const CASES: readonly OneNode[] = [
  ...[
    'Abs',
    'Ceil',
    'Cos',
    'Erf',
    'Exp',
    'Floor',
    'Identity',
    'Neg',
    'Reciprocal',
    'Relu',
    'Sigmoid',
    'Sign',
    'Sin',
    'Softplus',
    'Tanh',
    'IsNaN',
    'Shape',
    'Size',
    'Transpose',
    'Flatten',
  ].map((op) => unary(op)),
  ...['Log', 'Sqrt'].map((op) => unary(op, positive(2, 3))),
  ...['Add', 'Sub', 'Mul', 'Div', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal'].map((op) => binary(op)),
  one('Equal', 'of equal things', [integers([1, 2, 3]), integers([1, 5, 3])]),
  one('Div', 'of integers cuts off', [integers([7, -7, 9]), integers([2, 2, -4])]),
  one('Mod', 'of integers takes the sign of the divisor', [integers([7, -7, 9]), integers([4, 4, -4])]),
  one('Mod', 'of floats takes the sign of the dividend', [floats(4), positive(4)], { fmod: int(1) }),
  one('Pow', 'broadcast', [positive(2, 3), positive(3)]),
  one('Max', 'of three', [floats(2, 3), floats(3), floats(1)]),
  one('Min', 'of three', [floats(2, 3), floats(3), floats(1)]),
  one('Sum', 'of three', [floats(2, 3), floats(3), floats(1)]),
  one('And', 'broadcast', [truths, booleans([1, 1, 0])]),
  one('Or', 'broadcast', [truths, booleans([0, 1, 0])]),
  one('Not', 'of truths', [truths]),
  one('Where', 'broadcasts all three', [booleans([1, 0], [2, 1]), floats(2, 3), floats(3)]),
  one('Clip', 'between two bounds', [floats(2, 3), scalar('float32', -0.5), scalar('float32', 0.7)]),
  one('Clip', 'from above only', [floats(2, 3), undefined, scalar('float32', 0.2)]),
  one('Cast', 'to integers', [floats(2, 3)], { to: int(7) }),
  one('Cast', 'to truths', [integers([0, 2, -1])], { to: int(9) }),
  one('Cast', 'from truths', [truths], { to: int(1) }),
  one('Dropout', 'at inference', [floats(2, 3)]),
  one('Gelu', 'exact', [floats(2, 3)], {}, { opset: 20 }),
  one('Gelu', 'by tanh', [floats(2, 3)], { approximate: string('tanh') }, { opset: 20 }),

  one('Gather', 'rows, counted from either end', [floats(4, 3), integers([0, -1, 2, 2], [2, 2])]),
  one('Gather', 'along the last axis', [floats(4, 3), scalar('int64', -1)], { axis: int(-1) }),
  one('GatherElements', 'along axis 1', [floats(2, 3), integers([0, 2, -1, 1], [2, 2])], { axis: int(1) }),
  one('GatherND', 'of whole rows', [floats(2, 3, 4), integers([0, 2, 1, -1], [2, 2])]),
  one('ScatterElements', 'replacing', [floats(2, 3), integers([2, 0], [2, 1]), floats(2, 1)], { axis: int(1) }),
  one(
    'ScatterElements',
    'adding, twice to the same place',
    [floats(2, 3), integers([1, 1, 0, 2, -1, 2], [2, 3]), floats(2, 3)],
    { axis: int(-1), reduction: string('add') },
  ),
  one('ScatterND', 'replacing', [floats(4, 2), integers([1, 3], [2, 1]), floats(2, 2)]),
  one('ScatterND', 'adding, twice to the same place', [floats(4, 2), integers([1, 1], [2, 1]), floats(2, 2)], {
    reduction: string('add'),
  }),

  one('Concat', 'along an axis from the back', [floats(2, 1, 3), floats(2, 2, 3)], { axis: int(-2) }),
  one('ConstantOfShape', 'of zeros', [integers([2, 3])]),
  one('Expand', 'in both directions', [floats(3, 1), integers([2, 1, 4])]),
  one('Flatten', 'at axis 2', [floats(2, 3, 4)], { axis: int(2) }),
  one('Flatten', 'at axis 0', [floats(2, 3)], { axis: int(0) }),
  one('Pad', 'with a constant', [floats(2, 3), integers([1, 0, 0, 2]), scalar('float32', 0.5)]),
  one('Pad', 'some axes only', [floats(2, 3), integers([1, 2]), undefined, integers([-1])]),
  one('Pad', 'cutting off', [floats(3, 4), integers([0, -1, 1, -2])]),
  one('Range', 'downwards', [scalar('int64', 7), scalar('int64', 0), scalar('int64', -3)]),
  one('Range', 'in fractions', [scalar('float32', 0), scalar('float32', 1), scalar('float32', 0.3)]),
  one('Reshape', 'with a kept and a computed size', [floats(2, 3, 4), integers([0, -1])]),
  one('Reshape', 'to nothing', [floats(1), integers([])]),
  one('Shape', 'of some axes', [floats(2, 3, 4)], { start: int(-2), end: int(3) }),
  one('Slice', 'with steps', [floats(5, 6), integers([1, 0]), integers([5, 6]), integers([0, 1]), integers([2, 3])]),
  one('Slice', 'backwards', [floats(5, 6), integers([-1]), integers([-2_147_483_648]), integers([1]), integers([-2])]),
  one('Slice', 'to the end, axes left out', [floats(5, 6), integers([-2]), integers([2_147_483_647])]),
  one('Split', 'in even parts', [floats(4, 3)], { num_outputs: int(2) }, { outputs: 2 }),
  one('Split', 'in named parts', [floats(4, 3), integers([1, 2])], { axis: int(-1) }, { outputs: 2 }),
  one('Split', 'with a smaller rest', [floats(5, 2)], { num_outputs: int(2) }, { outputs: 2 }),
  one('Squeeze', 'named axes', [floats(1, 3, 1), integers([-1])]),
  one('Squeeze', 'all axes', [floats(1, 3, 1)]),
  one('Unsqueeze', 'at both ends', [floats(3), integers([0, -1])]),
  one('Tile', 'both axes', [floats(2, 3), integers([2, 3])]),
  one('Transpose', 'by a permutation', [floats(2, 3, 4)], { perm: ints([1, 2, 0]) }),

  one(
    'LayerNormalization',
    'of the last axis, with statistics',
    [floats(2, 3, 8), positive(8), floats(8)],
    { epsilon: float(1e-5), axis: int(-1) },
    { outputs: 3 },
  ),
  one('LayerNormalization', 'of two axes without shift', [floats(2, 3, 4), positive(3, 4)], { axis: int(1) }),
  one(
    'RMSNormalization',
    'of the last axis',
    [floats(2, 3, 8), positive(8)],
    { epsilon: float(1e-5), axis: int(-1) },
    { opset: 23 },
  ),
  one('Softmax', 'along the last axis', [floats(2, 3, 4)]),
  one('Softmax', 'along another', [floats(2, 3, 4)], { axis: int(1) }),
  one('LogSoftmax', 'along the last axis', [floats(2, 3, 4)]),

  one('MatMul', 'of matrices', [floats(3, 4), floats(4, 2)]),
  one('MatMul', 'broadcast over stacks', [floats(2, 1, 3, 4), floats(5, 4, 2)]),
  one('Gemm', 'plain', [floats(3, 4), floats(4, 2)]),
  one('Gemm', 'transposed, scaled and shifted', [floats(4, 3), floats(2, 4), floats(2)], {
    transA: int(1),
    transB: int(1),
    alpha: float(0.5),
    beta: float(2),
  }),
  one('DequantizeLinear', 'with one scale', [
    { dtype: 'uint8', dims: [2, 3], data: [0, 3, 128, 200, 255, 7] },
    scalar('float32', 0.25),
    scalar('uint8', 128),
  ]),
  one(
    'DequantizeLinear',
    'by row, without zero point',
    [{ dtype: 'int8', dims: [2, 3], data: [0, 3, -128, 100, 127, 7] }, positive(2)],
    { axis: int(0) },
  ),

  one('DynamicQuantizeLinear', 'of both signs', [floats(3, 4)], {}, { outputs: 3 }),
  one('DynamicQuantizeLinear', 'of positive numbers, whose range begins at 0', [positive(3, 4)], {}, { outputs: 3 }),
  one(
    'DynamicQuantizeLinear',
    'of halves of a step, which round to even',
    [{ dtype: 'float32', dims: [6], data: [0, 0.5, 1.5, 2.5, 3.5, 255] }],
    {},
    { outputs: 3 },
  ),
  one(
    'DynamicQuantizeLinear',
    'of negative numbers',
    [{ ...positive(3, 4), data: positive(3, 4).data.map((value) => -value) }],
    {},
    { outputs: 3 },
  ),
  one('MatMulInteger', 'without zero points', [levels('uint8', 3, 4), levels('int8', 4, 2)]),
  one('MatMulInteger', 'with a zero point for each column', [
    levels('uint8', 2, 3, 4),
    levels('int8', 4, 2),
    scalar('uint8', 128),
    { dtype: 'int8', dims: [2], data: [3, -5] },
  ]),

  ...[
    'ReduceL2',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSum',
    'ReduceSumSquare',
  ].flatMap((op) => reduce(op)),
  one('CumSum', 'forwards', [floats(2, 4), scalar('int64', 1)]),
  one('CumSum', 'backwards, without itself', [floats(2, 4), scalar('int64', -1)], {
    reverse: int(1),
    exclusive: int(1),
  }),
  one('Constant', 'of a tensor', [], {
    value: {
      type: 'tensor',
      value: { dtype: 'float32', dims: [2], bytes: new Uint8Array(Float32Array.of(1.5, -2).buffer) },
    },
  }),
];

describe('the float64 interpreter answers as ONNX Runtime', () => {
  it.each(CASES.map((each) => [`${each.op} ${each.what}`, each] as const))('%s', async (_, each) => {
    const [found, expected] = [interpreted(each), await executed(each)];
    expect(found.map(({ dtype, dims }) => ({ dtype, dims }))).toEqual(
      expected.map(({ dtype, dims }) => ({ dtype, dims: [...dims] })),
    );
    found.forEach(({ data }, output) => {
      const wanted = expected[output]?.data ?? [];
      expect(data.length).toBe(wanted.length);
      // Some float32 operations in a row: a few units in the last of seven digits.
      data.forEach((value, i) =>
        expect(Math.abs(value - (wanted[i] as number))).toBeLessThanOrEqual(
          2e-6 * Math.max(1, Math.abs(wanted[i] as number)),
        ),
      );
    });
  });

  it('has a case for every operator that is known', () => {
    const tried = new Set([...CASES.map(({ op }) => op), ...ELSEWHERE]);
    // Fused operators are written out: see contrib.test.ts.
    const computed = [...OPERATORS.values()].flatMap(({ name, infer }) => (infer === undefined ? [] : [name]));
    expect(computed.length).toBeGreaterThan(80);
    expect(computed.filter((op) => !tried.has(op))).toEqual([]);
  });
});
