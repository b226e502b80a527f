import { describe, expect, it } from 'vitest';
import {
  geluOf,
  operatorOf,
  evaluate,
  float32Tensor,
  int64Tensor,
  operatorName,
  type Graph,
  type Value,
  makeNode,
} from '@hadamard-adapter/graph/internal';
import { lower } from '../src/passes.js';
import { canonicalize } from '../src/canonicalize.js';
import { fuseGelus } from '../src/passes/fuse-gelus.js';
import { runPasses } from '../src/passes.js';
import { differenceAtTokens, packagedCanonical, packagedGraph, packagedModels, tokens } from './support/packaged.js';

const everything = { maxElements: Infinity };

/** What the interpreter runs as it is; the others are compared with ONNX Runtime, in its package. */
const isInterpretable = ({ nodes }: Graph): boolean => nodes.every((node) => operatorOf(node).infer !== undefined);
const interpretable = packagedModels().filter((name) => isInterpretable(packagedGraph(name)));
/** Encoders after BERT's pattern, whose attention is all of one form. */
const plain = interpretable.filter((name) => /^(bert|roberta|electra|distilbert|albert)\//.test(name));

it.each(interpretable)('%s computes the same hidden states before and after, and after lowering', (name) => {
  const source = packagedGraph(name);
  const canonical = packagedCanonical(name);
  const feeds = tokens(source);
  const mask = feeds.get('attention_mask') as Value;
  const before = evaluate(source, feeds, everything).get(canonical.hidden) as Value;
  const after = evaluate(canonical.graph, feeds, everything).get(canonical.hidden) as Value;
  const lowered = evaluate(lower(canonical.graph), feeds, everything).get(canonical.hidden) as Value;
  // All in float64; what differs are constants such as √d, d^-¼ and √2, which exporters (and lowering) round to
  // float32, or to float16, a thousand times coarser.
  expect(differenceAtTokens(before, after, mask)).toBeLessThan(name.includes('fp16') ? 1e-3 : 1e-6);
  expect(differenceAtTokens(after, lowered, mask)).toBeLessThan(1e-6);
});

it.each(plain)('%s is left with a few forms only', (name) => {
  const { graph } = packagedCanonical(name);
  const count = (op: string): number => graph.nodes.filter((node) => node.op === op).length;
  const layers = count('Attention');
  expect(layers).toBeGreaterThan(0);
  expect(count('Gelu')).toBe(layers);
  expect(count('LayerNormalization')).toBe(2 * layers + 1);
  expect(count('Linear') + count('QuantizedLinear')).toBeGreaterThanOrEqual(6 * layers);
  for (const gone of [
    'MatMul',
    'Softmax',
    'Erf',
    'ReduceMean',
    'Sqrt',
    'IsNaN',
    'Constant',
    'Range',
    'GatherND',
    'Identity',
  ])
    expect(count(gone), gone).toBe(0);
  expect(graph.nodes.filter(({ op, inputs }) => op === 'Attention' && inputs[3] !== 'padding_bias')).toEqual([]);
});

describe.each(packagedModels())('%s', (name) => {
  it('has no fused operators, branches or norms written out left', () => {
    const { graph } = packagedCanonical(name);
    const ops = new Set(graph.nodes.map(operatorName));
    expect([...ops].filter((op) => op.startsWith('com.microsoft'))).toEqual([]);
    for (const gone of ['If', 'Erf', 'IsNaN', 'Constant', 'Identity', 'ReduceMean', 'SimplifiedLayerNormalization'])
      expect(ops, gone).not.toContain(gone);
    expect(ops).toContain(name.startsWith('t5') ? 'RMSNormalization' : 'LayerNormalization');
  });

  it('keeps every weight where it is in the file', () => {
    const source = packagedGraph(name);
    // Half precision is widened for training and found again for inference, see half.test.ts.
    if (name.includes('fp16')) return expect(canonicalize(source).precision).toBe('float16');
    const file = [...source.tensors.values()][0]?.bytes.buffer;
    for (const [tensor, { bytes }] of canonicalize(source).graph.tensors)
      if (bytes.byteLength >= 1024) expect(bytes.buffer, tensor).toBe(file);
  });

  it('calls matrices by the module their bias names', () => {
    const { graph } = packagedCanonical(name);
    const anonymous = graph.nodes.filter(
      ({ op, inputs }) =>
        op === 'Linear' && (inputs[2] ?? '').endsWith('.bias') && !(inputs[1] as string).endsWith('.weight'),
    );
    expect(anonymous).toEqual([]);
  });

  it('changes nothing when applied twice', () => {
    const once = packagedCanonical(name);
    const twice = canonicalize(once.graph);
    const ops = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op);
    expect(ops(twice.graph)).toEqual(ops(once.graph));
  });
});

describe('GELU is recognised by value, in any order of its factors', () => {
  const constants = {
    half: float32Tensor([0.5], []),
    one: float32Tensor([1], []),
    root: float32Tensor([Math.SQRT2], []),
    inverse: float32Tensor([Math.SQRT1_2], []),
    cubic: float32Tensor([0.044715], []),
    factor: float32Tensor([Math.sqrt(2 / Math.PI)], []),
    three: float32Tensor([3], []),
    wrong: float32Tensor([0.6], []),
  };
  const graph = (nodes: Graph['nodes']): Graph => ({
    name: 'g',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: ['n', 4] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['n', 4] }],
    nodes,
    tensors: new Map(Object.entries(constants)),
  });
  const ops = (nodes: Graph['nodes']): string[] => runPasses([fuseGelus], graph(nodes)).nodes.map(({ op }) => op);

  it('x·½·(1 + erf(x/√2))', () => {
    const nodes = [
      makeNode('Mul', ['x', 'inverse'], ['a']),
      makeNode('Erf', ['a'], ['b']),
      makeNode('Add', ['one', 'b'], ['c']),
      makeNode('Mul', ['x', 'half'], ['d']),
      makeNode('Mul', ['c', 'd'], ['y']),
    ];
    expect(ops(nodes)).toEqual(['Gelu']);
    expect(
      ops(nodes.map((node) => ({ ...node, inputs: node.inputs.map((input) => (input === 'half' ? 'wrong' : input)) }))),
    ).not.toContain('Gelu');
  });

  it('its tanh form, with Pow or with products', () => {
    const tail = [
      makeNode('Add', ['x', 'c'], ['d']),
      makeNode('Mul', ['d', 'factor'], ['e']),
      makeNode('Tanh', ['e'], ['f']),
      makeNode('Add', ['f', 'one'], ['g']),
      makeNode('Mul', ['x', 'g'], ['h']),
      makeNode('Mul', ['half', 'h'], ['y']),
    ];
    const power = [makeNode('Pow', ['x', 'three'], ['b']), makeNode('Mul', ['b', 'cubic'], ['c'])];
    const product = [
      makeNode('Mul', ['x', 'x'], ['a']),
      makeNode('Mul', ['a', 'x'], ['b']),
      makeNode('Mul', ['cubic', 'b'], ['c']),
    ];
    for (const head of [power, product]) {
      const [fused] = runPasses([fuseGelus], graph([...head, ...tail])).nodes;
      expect(fused?.op).toBe('Gelu');
      expect(fused?.attributes['approximate']).toEqual({ type: 'string', value: 'tanh' });
    }
  });

  it('a lone tanh is left alone', () => {
    expect(ops([makeNode('Tanh', ['x'], ['y'])])).toEqual(['Tanh']);
  });

  it('reference values', () => {
    // Φ(1) = 0.841344746068543
    expect(geluOf(1, 'none')).toBeCloseTo(0.841344746068543, 14);
    expect(geluOf(-1, 'none')).toBeCloseTo(-0.158655253931457, 14);
    expect(Math.abs(geluOf(1, 'tanh') - geluOf(1, 'none'))).toBeGreaterThan(1e-5);
  });
});

describe('models that are no encoders', () => {
  const graph = (outputs: Graph['outputs'], nodes: Graph['nodes']): Graph => ({
    name: 'g',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'input_ids', dtype: 'int64', dims: ['batch', 'sequence'] }],
    outputs,
    nodes: [makeNode('Gather', ['table', 'input_ids'], ['x'], { axis: { type: 'int', value: 0 } }), ...nodes],
    tensors: new Map([
      ['axes', int64Tensor([1], [1])],
      ['table', float32Tensor(new Float32Array(40), [10, 4])],
    ]),
  });

  it('without hidden states: the outputs are listed', () => {
    const pooled = graph(
      [{ name: 'y', dtype: 'float32', dims: ['batch', 4] }],
      [makeNode('ReduceMean', ['x', 'axes'], ['y'], { keepdims: { type: 'int', value: 0 } })],
    );
    expect(() => canonicalize(pooled)).toThrow(
      expect.objectContaining({ code: 'MODEL_OUTPUT', found: 'y [batch, 4], from input_ids [batch, sequence]' }),
    );
  });

  it.each([
    [
      'an image model',
      [{ name: 'pixel_values', dtype: 'float32', dims: ['batch', 3, 32, 32] }],
      'pixel_values float32[batch, 3, 32, 32]',
    ],
    [
      'the decoder of a pair',
      [
        { name: 'input_ids', dtype: 'int64', dims: ['b', 's'] },
        { name: 'encoder_hidden_states', dtype: 'float32', dims: ['b', 's', 4] },
      ],
      'encoder_hidden_states float32[b, s, 4]',
    ],
    [
      'embeddings in place of ids',
      [{ name: 'input_ids', dtype: 'float32', dims: ['b', 's', 4] }],
      'input_ids float32[b, s, 4]',
    ],
    ['nothing to read', [], 'no inputs'],
  ] as const)('%s: the inputs are listed', (_, inputs, found) => {
    const model: Graph = { ...graph([{ name: 'x', dtype: 'float32', dims: ['batch', 'sequence', 4] }], []), inputs };
    expect(() => canonicalize(model)).toThrow(expect.objectContaining({ code: 'MODEL_INPUT', found }));
  });

  it('with an operator nobody knows', () => {
    const strange = graph(
      [{ name: 'y', dtype: 'float32', dims: ['batch', 'sequence', 4] }],
      [makeNode('Frobnicate', ['x'], ['y'])],
    );
    expect(() => canonicalize(strange)).toThrow(expect.objectContaining({ code: 'OPERATOR_UNKNOWN' }));
  });
});
