import {
  concatChunks,
  evaluate,
  float,
  fromNumbers,
  int,
  ints,
  string,
  writeModel,
  type Attributes,
  type Graph,
  type Node,
  type Tensor,
  type Value,
  OPERATORS,
} from '@hadamard-adapter/graph/internal';
import { expandFused, expandFusedProducts, runPasses } from '@hadamard-adapter/compiler/internal';
import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
// Writing out fused operators is a step inside `canonicalize`, and no export of the package.
import { floats, integers, positive, type Operand } from './support/one-node.js';

interface Case {
  readonly op: string;
  readonly what: string;
  readonly inputs: readonly (Operand | undefined)[];
  readonly attributes?: Attributes;
  /** Outputs that are compared; an empty name is one that is left out. */
  readonly outputs?: readonly string[];
  readonly before?: readonly Node[];
  readonly domain?: string;
  readonly after?: (names: string[]) => string[];
}

const bytes = (data: readonly number[], ...dims: number[]): Operand => ({ dtype: 'int32', dims, data });
/** Two rows of five tokens, the second of three. */
const MASK = bytes([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], 2, 5);
const LENGTHS: Node = {
  op: 'ReduceSum',
  domain: '',
  name: 'lengths',
  inputs: ['in3', 'axis'],
  outputs: ['lengths'],
  attributes: { keepdims: int(0) },
};
const heads = { num_heads: int(2) };
const [x, w, b] = [floats(2, 5, 4), floats(4, 12), floats(12)];
const embeddings = [
  bytes([1, 4, 2, 0, 3, 3], 2, 3),
  bytes([0, 1, 1, 0, 0, 1], 2, 3),
  floats(5, 4),
  floats(6, 4),
  floats(2, 4),
  positive(4),
  floats(4),
  bytes([1, 1, 1, 1, 1, 0], 2, 3),
];

const CASES: readonly Case[] = [
  { op: 'Attention', what: 'without mask', inputs: [x, w, b], attributes: heads },
  { op: 'Attention', what: 'with 1 at tokens', inputs: [x, w, b, MASK], attributes: heads },
  {
    op: 'Attention',
    what: 'with the number of tokens',
    inputs: [x, w, b, MASK],
    attributes: { ...heads, mask_filter_value: float(-3.4e38) },
    before: [LENGTHS],
    after: (names) => names.map((name) => (name === 'in3' ? 'lengths' : name)),
  },
  {
    op: 'Attention',
    what: 'with a bias on the scores and a scale',
    inputs: [x, w, b, MASK, undefined, floats(2, 2, 5, 5)],
    attributes: { ...heads, scale: float(0.3) },
  },
  {
    op: 'Attention',
    what: 'with values of another width',
    inputs: [x, floats(4, 14), floats(14)],
    attributes: { ...heads, qkv_hidden_sizes: ints([4, 4, 6]) },
  },
  {
    op: 'MultiHeadAttention',
    what: 'of other states',
    inputs: [floats(2, 3, 4), x, floats(2, 5, 6)],
    attributes: heads,
  },
  { op: 'MultiHeadAttention', what: 'with a bias of the projections', inputs: [x, x, x, b], attributes: heads },
  {
    op: 'MultiHeadAttention',
    what: 'with a mask and a bias on the scores',
    inputs: [x, x, x, undefined, MASK, floats(2, 2, 5, 5)],
    attributes: heads,
  },
  { op: 'Gelu', what: 'exact', inputs: [x] },
  { op: 'BiasGelu', what: 'of a sum', inputs: [x, floats(4)] },
  { op: 'FastGelu', what: 'by tanh', inputs: [x] },
  { op: 'FastGelu', what: 'of a sum', inputs: [x, floats(4)] },
  { op: 'QuickGelu', what: 'with a slope', inputs: [x], attributes: { alpha: float(1.5) } },
  { op: 'EmbedLayerNormalization', what: 'with segments and a mask', inputs: embeddings, outputs: ['y', 'count'] },
  {
    op: 'EmbedLayerNormalization',
    what: 'with position ids, and the sum',
    inputs: [...embeddings, bytes([5, 0, 1, 2, 2, 4], 2, 3)],
    outputs: ['y', 'count', 'sum'],
  },
  {
    op: 'EmbedLayerNormalization',
    what: 'without segments',
    inputs: embeddings.map((each, i) => (i === 1 || i === 4 ? undefined : each)),
    outputs: ['y', 'count'],
  },
  { op: 'SkipLayerNormalization', what: 'of two', inputs: [x, floats(2, 5, 4), positive(4), floats(4)] },
  {
    op: 'SkipLayerNormalization',
    what: 'with a bias, and the sum',
    inputs: [x, x, positive(4), floats(4), floats(4)],
    attributes: { epsilon: float(1e-3) },
    outputs: ['y', '', '', 'sum'],
  },
  { op: 'SkipLayerNormalization', what: 'without shift', inputs: [x, x, positive(4)] },
  {
    op: 'SkipSimplifiedLayerNormalization',
    what: 'with the sum',
    inputs: [x, floats(2, 5, 4), positive(4)],
    outputs: ['y', '', '', 'sum'],
  },
  {
    op: 'SimplifiedLayerNormalization',
    what: 'in the standard domain',
    inputs: [x, positive(4)],
    attributes: { axis: int(-1) },
    domain: '',
  },
  {
    op: 'FusedMatMul',
    what: 'with a transposed weight and a factor',
    inputs: [x, floats(3, 4)],
    attributes: { transB: int(1), alpha: float(0.5) },
  },
  {
    op: 'FusedMatMul',
    what: 'of stacks, both transposed',
    inputs: [floats(2, 3, 4, 5), floats(2, 3, 6, 4)],
    attributes: { transA: int(1), transB: int(1), alpha: float(-2) },
  },
  {
    op: 'FusedGemm',
    what: 'with an activation',
    inputs: [floats(3, 4), floats(4, 2), floats(2)],
    attributes: { activation: string('Tanh'), beta: float(0.5) },
  },
];

function graphOf({
  op,
  inputs,
  attributes = {},
  outputs = ['y'],
  before = [],
  domain = 'com.microsoft',
  after = (names) => names,
}: Case): Graph {
  const tensors = new Map<string, Tensor>([['axis', fromNumbers('int64', integers([1]).data, [1])]]);
  const names = inputs.map((operand, i) => {
    if (operand === undefined) return '';
    tensors.set(`in${i}`, fromNumbers(operand.dtype, operand.data, operand.dims));
    return `in${i}`;
  });
  const node: Node = { op, domain, name: op, inputs: after(names), outputs, attributes };
  const opsets = new Map([
    ['', 17],
    ['com.microsoft', 1],
  ]);
  return { name: 'one', opsets, inputs: [], outputs: [], nodes: [...before, node], tensors };
}

describe('fused operators mean what ONNX Runtime means by them', () => {
  it.each(CASES.map((each) => [`${each.op} ${each.what}`, each] as const))('%s', async (_, each) => {
    const names = (each.outputs ?? ['y']).filter((name) => name !== '');
    const source: Graph = {
      ...graphOf(each),
      outputs: names.map((name) => ({ name, dtype: 'float32', dims: [], unknown: 'shape' })),
    };
    const expanded = runPasses([expandFused, expandFusedProducts], source);
    expect(expanded.nodes.some(({ domain }) => domain !== '')).toBe(false);
    const found = evaluate({ ...expanded, outputs: [] }, {}, { maxElements: Number.POSITIVE_INFINITY });
    const typed = {
      ...source,
      outputs: names.map((name) => ({
        name,
        dtype: (found.get(name) as Value).dtype,
        dims: (found.get(name) as Value).dims,
      })),
    };
    const session = await InferenceSession.create(concatChunks(writeModel(typed)), {
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
    });
    const results = await session.run({}, names);
    await session.release();
    for (const name of names) {
      const [own, theirs] = [found.get(name) as Value & { data: Float64Array }, results[name] as OrtTensor];
      expect(own.dims).toEqual([...theirs.dims]);
      // Float32 against float64, a few operations in a row, relative to the largest number; FastGelu's tanh in ONNX
      // Runtime is an approximation good to 1e-6.
      const largest = own.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      own.data.forEach((value, i) => expect(Math.abs(value - Number(theirs.data[i]))).toBeLessThan(4e-6 * largest));
    }
  });

  it('has a case for each of them', () => {
    const tried = new Set(CASES.map(({ op, domain = 'com.microsoft' }) => (domain === '' ? op : `${domain}:${op}`)));
    const fused = [...OPERATORS.values()].flatMap(({ name, expand }) => (expand === undefined ? [] : [name]));
    expect(fused.length).toBeGreaterThan(10);
    expect(fused.filter((name) => !tried.has(name))).toEqual([]);
  });

  it.each<[string, Case]>([
    [
      'a causal mask',
      { op: 'Attention', what: '', inputs: [x, w, b], attributes: { ...heads, unidirectional: int(1) } },
    ],
    ['packed projections', { op: 'MultiHeadAttention', what: '', inputs: [floats(2, 5, 2, 3, 2)], attributes: heads }],
    [
      'an unknown activation',
      { op: 'FusedGemm', what: '', inputs: [floats(3, 4), floats(4, 2)], attributes: { activation: string('Mish') } },
    ],
    [
      'transposed batch axes',
      { op: 'FusedMatMul', what: '', inputs: [floats(2, 3, 2), floats(2, 2)], attributes: { transBatchA: int(1) } },
    ],
  ])('%s is refused by the name of the node', (_, each) => {
    const expand = (): Graph => runPasses([expandFused, expandFusedProducts], graphOf(each));
    expect(expand).toThrow(
      expect.objectContaining({ code: 'CONTRIB_FORM', message: expect.stringContaining(`"${each.op}"`) }),
    );
  });
});
