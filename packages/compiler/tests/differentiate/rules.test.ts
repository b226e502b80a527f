import { describe, expect, it } from 'vitest';
import {
  INTERNAL_DOMAIN,
  float,
  int,
  ints,
  string,
  type Attributes,
  type Graph,
  type Tensor,
  makeNode,
  fromNumbers,
  int64Tensor,
  scalarTensor,
  OPERATORS,
} from '@hadamard-adapter/graph/internal';
import { checkGradients } from './central-differences.js';

/**
 * One operator applied to inputs of the given shapes; `positive` keeps inputs away from where the operator is not
 * defined.
 */
interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly attributes?: Attributes;
  /** Constant inputs, by position. */
  readonly constants?: Readonly<Record<number, Tensor>>;
  readonly positive?: boolean;
  readonly domain?: string;
  readonly outputs?: number;
}

const axes = (...values: number[]): Record<number, Tensor> => ({ 1: int64Tensor(values, [values.length]) });

const CASES: Readonly<Record<string, readonly Case[]>> = {
  Abs: [{ shapes: [[4]], positive: true }],
  Add: [
    {
      shapes: [
        [2, 3],
        [2, 3],
      ],
    },
    {
      shapes: [
        [2, 1, 3],
        [4, 1],
      ],
    },
  ],
  Attention: [
    {
      shapes: [
        [2, 2, 3, 4],
        [2, 2, 5, 4],
        [2, 2, 5, 3],
      ],
      attributes: { scale: float(0.5) },
      outputs: 2,
    },
    {
      shapes: [
        [1, 2, 3, 2],
        [1, 2, 3, 2],
        [1, 2, 3, 2],
        [1, 1, 1, 3],
      ],
      attributes: { scale: float(0.7) },
      outputs: 2,
    },
  ],
  Cast: [{ shapes: [[3]], attributes: { to: int(1) } }],
  Clip: [{ shapes: [[6]], constants: { 1: fromNumbers('float32', [-0.4], []), 2: fromNumbers('float32', [0.5], []) } }],
  Concat: [
    {
      shapes: [
        [2, 1, 2],
        [2, 3, 2],
      ],
      attributes: { axis: int(1) },
    },
    { shapes: [[2], [1], [3]], attributes: { axis: int(-1) } },
  ],
  Cos: [{ shapes: [[4]] }],
  CumSum: [
    { shapes: [[3, 4]], constants: { 1: scalarTensor('int64', 1) } },
    {
      shapes: [[3, 4]],
      constants: { 1: scalarTensor('int64', -2) },
      attributes: { reverse: int(1), exclusive: int(1) },
    },
  ],
  Div: [{ shapes: [[2, 3], [3]], positive: true }],
  Erf: [{ shapes: [[5]] }],
  Exp: [{ shapes: [[4]] }],
  Expand: [{ shapes: [[2, 1]], constants: axes(3, 2, 4) }],
  Flatten: [{ shapes: [[2, 3, 2]], attributes: { axis: int(2) } }],
  Gather: [
    { shapes: [[4, 3]], constants: { 1: int64Tensor([1, 3, 1, 0], [2, 2]) } },
    { shapes: [[4, 2, 3]], constants: { 1: int64Tensor([1, 3, 1], [3]) } },
    { shapes: [[2, 5, 3]], constants: { 1: int64Tensor([0], []) }, attributes: { axis: int(1) } },
    { shapes: [[2, 3, 4]], constants: { 1: int64Tensor([-2], []) }, attributes: { axis: int(-1) } },
  ],
  GatherElements: [
    { shapes: [[2, 3]], constants: { 1: int64Tensor([0, 2, 2, 1, 1, 1], [2, 3]) }, attributes: { axis: int(1) } },
  ],
  GatherND: [
    { shapes: [[3, 4, 2]], constants: { 1: int64Tensor([0, 1, 2, 3, 0, 1], [3, 2]) } },
    { shapes: [[3, 2]], constants: { 1: int64Tensor([2, 0, 2], [3, 1]) } },
  ],
  Gelu: [{ shapes: [[6]] }, { shapes: [[6]], attributes: { approximate: string('tanh') } }],
  Gemm: [
    { shapes: [[2, 3], [3, 4], [4]], attributes: { alpha: float(0.5), beta: float(2) } },
    {
      shapes: [
        [3, 2],
        [3, 4],
      ],
      attributes: { transA: int(1) },
    },
    {
      shapes: [
        [2, 3],
        [4, 3],
        [2, 1],
      ],
      attributes: { transB: int(1), alpha: float(-2) },
    },
    {
      shapes: [
        [3, 2],
        [4, 3],
        [2, 4],
      ],
      attributes: { transA: int(1), transB: int(1) },
    },
  ],
  'hadamard:Linear': [
    { shapes: [[2, 3, 4], [4, 5], [5]], domain: INTERNAL_DOMAIN },
    {
      shapes: [
        [3, 4],
        [5, 4],
      ],
      domain: INTERNAL_DOMAIN,
      attributes: { transB: int(1) },
    },
  ],
  Identity: [{ shapes: [[3]] }],
  LayerNormalization: [
    { shapes: [[2, 3, 6], [6], [6]], attributes: { axis: int(-1), epsilon: float(1e-5) }, outputs: 3 },
    { shapes: [[4, 5], [5]], outputs: 3 },
  ],
  Log: [{ shapes: [[4]], positive: true }],
  LogSoftmax: [{ shapes: [[2, 3]], attributes: { axis: int(-1) } }],
  MatMul: [
    {
      shapes: [
        [2, 3, 4],
        [2, 4, 2],
      ],
    },
    {
      shapes: [
        [2, 3, 4],
        [4, 2],
      ],
    },
    {
      shapes: [
        [1, 3, 4],
        [5, 4, 2],
      ],
    },
  ],
  Max: [{ shapes: [[2, 3], [3]] }],
  Min: [{ shapes: [[2, 3], [3], [1]] }],
  Mul: [
    {
      shapes: [
        [2, 3],
        [2, 3],
      ],
    },
    {
      shapes: [
        [2, 3, 2],
        [3, 1],
      ],
    },
  ],
  Neg: [{ shapes: [[3]] }],
  Pad: [
    { shapes: [[2, 3]], constants: { 1: int64Tensor([1, 0, 0, 2], [4]) } },
    { shapes: [[3, 4]], constants: { 1: int64Tensor([0, -1, 1, -1], [4]) } },
    {
      shapes: [[2, 3]],
      constants: { 1: int64Tensor([1, 2], [2]), 2: scalarTensor('float32', 0.5), 3: int64Tensor([-1], [1]) },
    },
  ],
  Pow: [{ shapes: [[4]], positive: true, constants: { 1: fromNumbers('float32', [3], []) } }],
  Reciprocal: [{ shapes: [[4]], positive: true }],
  RMSNormalization: [{ shapes: [[2, 3, 6], [6]], attributes: { axis: int(-1), epsilon: float(1e-5) }, outputs: 2 }],
  ReduceL2: [
    { shapes: [[3, 4]], constants: axes(1), attributes: { keepdims: int(0) } },
    { shapes: [[2, 3]], constants: axes(0) },
  ],
  ReduceLogSumExp: [{ shapes: [[3, 4]], constants: axes(1), attributes: { keepdims: int(0) } }],
  ReduceMax: [{ shapes: [[3, 4]], constants: axes(-1), attributes: { keepdims: int(0) } }, { shapes: [[2, 3]] }],
  ReduceMean: [
    { shapes: [[2, 3, 4]], constants: axes(1, 2), attributes: { keepdims: int(0) } },
    { shapes: [[2, 3]], attributes: { keepdims: int(0) } },
    { shapes: [[2, 3]], constants: axes(-1) },
  ],
  ReduceMin: [{ shapes: [[3, 4]], constants: axes(0) }],
  ReduceSum: [
    { shapes: [[2, 3, 4]], constants: axes(0), attributes: { keepdims: int(0) } },
    { shapes: [[2, 3]], constants: axes(-1) },
  ],
  ReduceSumSquare: [{ shapes: [[3, 4]], constants: axes(1), attributes: { keepdims: int(0) } }],
  Relu: [{ shapes: [[6]] }],
  Reshape: [{ shapes: [[2, 3, 2]], constants: axes(0, -1) }],
  ScatterElements: [
    { shapes: [[2, 3], [], [2, 2]], constants: { 1: int64Tensor([0, 2, 1, 0], [2, 2]) }, attributes: { axis: int(1) } },
    {
      shapes: [[2, 3], [], [2, 2]],
      constants: { 1: int64Tensor([1, 1, 1, 0], [2, 2]) },
      attributes: { axis: int(-1), reduction: string('add') },
    },
  ],
  ScatterND: [
    { shapes: [[4, 2], [], [2, 2]], constants: { 1: int64Tensor([3, 1], [2, 1]) } },
    {
      shapes: [[4, 2], [], [3, 2]],
      constants: { 1: int64Tensor([3, 1, 3], [3, 1]) },
      attributes: { reduction: string('add') },
    },
  ],
  Sigmoid: [{ shapes: [[4]] }],
  Sin: [{ shapes: [[4]] }],
  Slice: [
    {
      shapes: [[2, 5, 3]],
      constants: { 1: int64Tensor([1], [1]), 2: int64Tensor([3], [1]), 3: int64Tensor([1], [1]) },
    },
    {
      shapes: [[2, 5, 3]],
      constants: { 1: int64Tensor([-2], [1]), 2: int64Tensor([2 ** 40], [1]), 3: int64Tensor([-2], [1]) },
    },
    {
      shapes: [[4, 5]],
      constants: { 1: int64Tensor([-9, 2], [2]), 2: int64Tensor([3, -1], [2]), 3: int64Tensor([0, 1], [2]) },
    },
  ],
  Softmax: [
    { shapes: [[2, 3, 4]], attributes: { axis: int(-1) } },
    { shapes: [[2, 3]], attributes: { axis: int(0) } },
  ],
  Softplus: [{ shapes: [[5]] }],
  Split: [{ shapes: [[2, 5]], constants: axes(2, 3), attributes: { axis: int(-1) }, outputs: 2 }],
  Sqrt: [{ shapes: [[4]], positive: true }],
  Squeeze: [{ shapes: [[2, 1, 3]], constants: axes(1) }],
  Sub: [{ shapes: [[2, 3], [3]] }],
  Sum: [{ shapes: [[2, 3], [3], []] }],
  Tanh: [{ shapes: [[4]] }],
  Tile: [
    { shapes: [[2, 3]], constants: axes(2, 1) },
    { shapes: [[1, 2, 2]], constants: axes(3, 1, 2) },
  ],
  Transpose: [{ shapes: [[2, 3, 4]], attributes: { perm: ints([1, 2, 0]) } }, { shapes: [[2, 3]] }],
  Unsqueeze: [{ shapes: [[2, 3]], constants: axes(1, 3) }],
  Where: [
    {
      shapes: [[], [2, 3], [3]],
      constants: { 0: { dtype: 'bool', dims: [2, 3], bytes: Uint8Array.of(1, 0, 1, 0, 0, 1) } },
    },
  ],
};

const WITH_RULE = [...OPERATORS].flatMap(([name, { gradient }]) => (typeof gradient === 'function' ? [name] : []));

/** Passes over a rounding, whose central differences are 0 or jumps: see quantized.test.ts. */
const STRAIGHT_THROUGH = ['hadamard:QuantizedLinear'];

describe('gradient rules agree with central differences in float64', () => {
  it('every rule has a case', () => {
    expect([...Object.keys(CASES), ...STRAIGHT_THROUGH].toSorted()).toEqual(WITH_RULE.toSorted());
  });

  /**
   * Operators whose results are integers or truths here, or that no model trains through; asked for, they are an error
   * that names the node.
   */
  const WITHOUT_RULE = [
    'Constant',
    'ConstantOfShape',
    'Range',
    'Dropout',
    'DynamicQuantizeLinear',
    'MatMulInteger',
    'DequantizeLinear',
    'com.microsoft:FusedMatMul',
    'Mod',
    'ReduceProd',
  ];

  it('every operator has a rule, is constant almost everywhere, or is one of a few', () => {
    const without = [...OPERATORS.keys()].filter(
      (name) => OPERATORS.get(name)?.gradient === undefined && OPERATORS.get(name)?.infer !== undefined,
    );
    expect(without.toSorted()).toEqual(WITHOUT_RULE.toSorted());
  });

  it.each(['Mod', 'ReduceProd'])('%s on the way is refused by its name, its place and what to do', (name) => {
    const { graph } = graphOf(name, { shapes: name === 'Mod' ? [[2], [2]] : [[2]], attributes: { fmod: int(1) } });
    const error = expect.objectContaining({
      code: 'GRADIENT_RULE',
      message: expect.stringMatching(
        new RegExp(`${name}.*node "y0" \\(x0.* → y0\\).*Train layers above it only, or add a rule`),
      ),
    });
    expect(() => checkGradients(graph, ['x0'], { seed: 1 })).toThrow(error);
  });

  for (const [name, cases] of Object.entries(CASES)) {
    it(name, () => {
      for (const [i, one] of cases.entries()) {
        const { graph, trained } = graphOf(name, one);
        const { worst, kinks } = checkGradients(graph, trained, { seed: i + 1, positive: one.positive ?? false });
        expect(worst, `case ${i}`).toBeLessThan(1e-7);
        expect(kinks, `case ${i}`).toBe(0);
      }
    });
  }
});

/** The operator with its inputs; those that are not constant are trained. */
function graphOf(
  name: string,
  { shapes, attributes = {}, constants = {}, domain = '', outputs = 1 }: Case,
): { graph: Graph; trained: string[] } {
  const op = name.includes(':') ? (name.split(':')[1] as string) : name;
  const count = Math.max(shapes.length, ...Object.keys(constants).map((position) => Number(position) + 1));
  const names = Array.from({ length: count }, (_, i) => `x${i}`);
  const trained = names.filter((_, i) => constants[i] === undefined);
  const values = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    graph: {
      name,
      opsets: new Map([['', 18]]),
      inputs: trained.map((input) => ({
        name: input,
        dtype: 'float32',
        dims: shapes[names.indexOf(input)] as number[],
      })),
      outputs: [{ name: 'y0', dtype: 'float32', dims: [] }],
      nodes: [makeNode(op, names, values, attributes, { domain })],
      tensors: new Map(Object.entries(constants).map(([position, tensor]) => [`x${position}`, tensor])),
    },
    trained,
  };
}
