import { describe, expect, it } from 'vitest';
import { canonicalize } from '../src/canonicalize.js';
import {
  evaluate,
  float32Tensor,
  fromNumbers,
  int,
  toFloat32,
  type Graph,
  type Node,
  type Tensor,
  type Value,
  makeNode,
} from '@hadamard-adapter/graph/internal';
import { runPasses } from '../src/passes.js';
import { unpackWeights as unpackPass } from '../src/passes/unpack-weights.js';

const unpackWeights = (graph: Graph): Graph => runPasses([unpackPass], graph);
import { differenceAtTokens, packagedGraph, tokens } from './support/packaged.js';

const everything = { maxElements: Infinity };

/** A graph whose output is the unpacked weight, and what unpacking the constants made of it. */
function unpacked(node: Node, tensors: Record<string, Tensor>): { tensor: Tensor | undefined; computed: Value } {
  const graph: Graph = {
    name: 'weights',
    opsets: new Map([['', 18]]),
    inputs: [],
    outputs: [{ name: 'y', dtype: 'float32', dims: [2, 3] }],
    nodes: [node, makeNode('Neg', ['w'], ['y'])],
    tensors: new Map(Object.entries(tensors)),
  };
  return { tensor: unpackWeights(graph).tensors.get('w'), computed: evaluate(graph, {}, everything).get('w') as Value };
}

const stored = fromNumbers('int8', [-128, -1, 0, 5, 64, 127], [2, 3]);

describe('weights stored small', () => {
  it.each([
    ['one scale', ['scale'], { scale: float32Tensor([0.5], []) }, {}, [-64, -0.5, 0, 2.5, 32, 63.5]],
    [
      'one scale and zero point',
      ['scale', 'zero'],
      { scale: float32Tensor([0.5], []), zero: fromNumbers('int8', [2], []) },
      {},
      [-65, -1.5, -1, 1.5, 31, 62.5],
    ],
    [
      'a scale for each row',
      ['scale'],
      { scale: float32Tensor([1, 0.25]) },
      { axis: int(0) },
      [-128, -1, 0, 1.25, 16, 31.75],
    ],
    [
      'a scale and zero point for each column',
      ['scale', 'zero'],
      { scale: float32Tensor([1, 2, 4]), zero: fromNumbers('int8', [0, 1, 2], [3]) },
      { axis: int(-1) },
      [-128, -4, -8, 5, 126, 500],
    ],
  ])('int8 with %s', (_, inputs, tensors, attributes, expected) => {
    const { tensor, computed } = unpacked(makeNode('DequantizeLinear', ['x', ...inputs], ['w'], attributes), {
      x: stored,
      ...tensors,
    });
    expect(Array.from(toFloat32(tensor as Tensor))).toEqual(expected);
    expect(Array.from(computed.data ?? [])).toEqual(expected);
    expect(tensor).toMatchObject({ dtype: 'float32', dims: [2, 3] });
  });

  it('float16 behind a Cast', () => {
    const { tensor } = unpacked(makeNode('Cast', ['x'], ['w'], { to: int(1) }), {
      x: fromNumbers('float16', [0.1, 1, -2, 65504, 0, 3], [2, 3]),
    });
    expect(Array.from(toFloat32(tensor as Tensor))).toEqual([Math.fround(0.0999755859375), 1, -2, 65504, 0, 3]);
  });

  it('scales that fit no axis are refused', () => {
    const bad = makeNode('DequantizeLinear', ['x', 'scale'], ['w'], { axis: int(0) });
    expect(() => unpacked(bad, { x: stored, scale: float32Tensor([1, 2, 3]) })).toThrow(
      expect.objectContaining({ code: 'OPERATOR_SHAPE' }),
    );
  });

  it('what is computed, not stored, stays a node', () => {
    const graph: Graph = {
      name: 'activations',
      opsets: new Map([['', 18]]),
      inputs: [{ name: 'x', dtype: 'int8', dims: [2, 3] }],
      outputs: [{ name: 'w', dtype: 'float32', dims: [2, 3] }],
      nodes: [makeNode('DequantizeLinear', ['x', 'scale'], ['w'])],
      tensors: new Map([['scale', float32Tensor([1], [])]]),
    };
    expect(unpackWeights(graph)).toBe(graph);
  });

  it('a model whose matrices were packed is the same graph as one with those values in float32', () => {
    const source = packagedGraph('bert/model.onnx');
    const tensors = new Map(source.tensors);
    const nodes: Node[] = [];
    const rounded = new Map(source.tensors);
    for (const [name, tensor] of source.tensors) {
      if (tensor.dtype !== 'float32' || tensor.dims.length !== 2) continue;
      const values = toFloat32(tensor);
      const scale = Math.fround(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
      const integers = Int8Array.from(values, (value) => Math.round(value / scale));
      tensors.delete(name);
      tensors.set(`${name}/x`, fromNumbers('int8', integers, tensor.dims)).set(`${name}/s`, float32Tensor([scale], []));
      nodes.push(makeNode('DequantizeLinear', [`${name}/x`, `${name}/s`], [name]));
      rounded.set(
        name,
        float32Tensor(
          Float32Array.from(integers, (value) => value * scale),
          tensor.dims,
        ),
      );
    }
    expect(nodes.length).toBeGreaterThan(10);
    const packed = canonicalize({ ...source, tensors, nodes: [...nodes, ...source.nodes] });
    const plain = canonicalize({ ...source, tensors: rounded });
    expect(packed.graph.nodes.map(({ op }) => op)).toEqual(plain.graph.nodes.map(({ op }) => op));
    expect(packed.parameterCount).toBe(plain.parameterCount);
    const feeds = tokens(source);
    const [found, expected] = [packed, plain].map(
      ({ graph, hidden }) => evaluate(graph, feeds, everything).get(hidden) as Value,
    ) as [Value, Value];
    expect(differenceAtTokens(found, expected, feeds.get('attention_mask') as Value)).toBe(0);
  });
});
