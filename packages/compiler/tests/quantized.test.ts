import { describe, expect, it } from 'vitest';
import {
  INTERNAL_DOMAIN,
  evaluate,
  float32Tensor,
  fromNumbers,
  int,
  operatorName,
  type Graph,
  type Node,
  type Value,
  makeNode,
} from '@hadamard-adapter/graph/internal';
import { canonicalize } from '../src/canonicalize.js';
import { differentiate } from '../src/gradients/differentiate.js';
import { lower } from '../src/passes.js';
import { numbers } from './differentiate/central-differences.js';
import { packagedCanonical, packagedGraph } from './support/packaged.js';

const everything = { maxElements: Number.POSITIVE_INFINITY };
const counts = ({ nodes }: Graph): Map<string, number> => {
  const found = new Map<string, number>();
  for (const node of nodes) found.set(operatorName(node), (found.get(operatorName(node)) ?? 0) + 1);
  return found;
};

/** Weights of one packed layer, four inputs and three outputs, with a scale and a zero point for each output. */
const PACKED = new Map([
  ['w', fromNumbers('int8', [3, -7, 12, 0, 127, -128, 5, 5, -5, 40, -40, 9], [4, 3])],
  ['scale', float32Tensor([0.02, 0.05, 0.01])],
  ['zero', fromNumbers('int8', [0, 2, -3], [3])],
  ['bias', float32Tensor([0.5, -0.25, 0])],
]);

/** loss = Σ weights · layer(x) */
function lossOf(layer: readonly Node[]): Graph {
  return {
    name: 'g',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: [2, 4] }],
    outputs: [{ name: 'loss', dtype: 'float32', dims: [] }],
    nodes: [
      ...layer,
      makeNode('Mul', ['y', 'weights'], ['terms']),
      makeNode('ReduceSum', ['terms'], ['loss'], { keepdims: int(0) }),
    ],
    tensors: new Map([...PACKED, ['weights', float32Tensor(numbers(6, 3), [2, 3])]]),
  };
}

function gradientOf(graph: Graph, x: Float64Array): number[] {
  const { builder, gradients } = differentiate(graph, 'loss', ['x']);
  const name = gradients.get('x') as string;
  const value: Value = { dtype: 'float32', dims: [2, 4], data: x };
  return [...(evaluate(builder.finish(['loss', name]), { x: value }, everything).get(name)?.data ?? [])];
}

describe('a quantized linear layer', () => {
  const packed = [
    makeNode('QuantizedLinear', ['x', 'w', 'scale', 'zero', 'bias'], ['y'], {}, { domain: INTERNAL_DOMAIN }),
  ];
  const unpacked = [
    makeNode('DequantizeLinear', ['w', 'scale', 'zero'], ['plain'], { axis: int(1) }),
    makeNode('Linear', ['x', 'plain', 'bias'], ['y'], {}, { domain: INTERNAL_DOMAIN }),
  ];

  it('sends back the gradient of the dequantized layer, to the last bit', () => {
    const x = numbers(8, 1);
    const gradient = gradientOf(lossOf(packed), x);
    expect(gradient).toHaveLength(8);
    expect(gradient.some((value) => value !== 0)).toBe(true);
    expect(gradient).toEqual(gradientOf(lossOf(unpacked), x));
  });

  it('answers what the dequantized layer answers, up to the rounding of its input', () => {
    const feeds = { x: { dtype: 'float32', dims: [2, 4], data: numbers(8, 1) } satisfies Value };
    const [found, expected] = [packed, unpacked].map(
      (layer) => evaluate(lossOf(layer), feeds, everything).get('y')?.data as Float64Array,
    ) as [Float64Array, Float64Array];
    // Half a step of the input (range 2, 255 levels) times the sum of a column (at most 4).
    found.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan((4 * 2) / 255 / 2));
    expect([...found]).not.toEqual([...expected]);
  });
});

describe.each(['bert/model.int8.onnx', 'bart/model.int8.onnx'])('%s', (name) => {
  it('keeps its weights packed, and is lowered to the nodes it came with', () => {
    const source = packagedGraph(name);
    const { graph, precision } = packagedCanonical(name);
    expect(precision).toBe('int8');
    const packed = source.nodes.filter(({ op }) => op === 'MatMulInteger').length;
    expect(packed).toBeGreaterThan(0);
    expect(counts(graph).get('hadamard:QuantizedLinear')).toBe(packed);
    for (const gone of ['MatMulInteger', 'DynamicQuantizeLinear']) expect(counts(graph).get(gone)).toBeUndefined();
    const [before, after] = [counts(source), counts(lower(graph))];
    for (const op of ['MatMulInteger', 'DynamicQuantizeLinear']) expect(after.get(op), op).toBe(before.get(op));
  });

  it('counts the numbers of its float32 twin', () => {
    expect(packagedCanonical(name).parameterCount).toBe(packagedCanonical(name.replace('.int8', '')).parameterCount);
  });
});

it('a product of integers that is not the one a quantizer writes is left as it is', () => {
  const source = packagedGraph('bert/model.int8.onnx');
  // The zero point of another tensor: no longer the layer that the pattern stands for.
  const [first, second] = source.nodes
    .filter(({ op }) => op === 'DynamicQuantizeLinear')
    .map(({ outputs }) => outputs[2] as string) as [string, string];
  const nodes = source.nodes.map((node) =>
    node.op === 'MatMulInteger'
      ? { ...node, inputs: node.inputs.map((input) => (input === second ? first : input)) }
      : node,
  );
  const { graph } = canonicalize({ ...source, nodes });
  expect(counts(graph).get('MatMulInteger')).toBeGreaterThan(0);
});
