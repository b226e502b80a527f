import type { Precision } from '@hadamard-adapter/core';
import {
  FLOAT,
  FLOAT16,
  factsOf,
  fromNumbers,
  int,
  intAttribute,
  makeNode,
  prune,
  reach,
  rememberedHalf,
  toFloat32,
  type Graph,
  type Node,
  type Tensor,
} from '@hadamard-adapter/graph/internal';
import { PARAMETERS_INPUT } from '../forms/names.js';
import type { Pass } from './pass.js';

/** @param until the value behind which everything stays float32: pooling and classifier, which were not in the file. */
export const asStored = (until: string, precision: Precision): Pass => ({
  name: 'as-stored',
  does: 'Computes in the precision that the model came in.',
  needs: 'operators that every runtime has',
  guarantees: 'a float16 model runs as it came',
  run: (graph) => (precision === 'float16' ? narrowToHalf(graph, until) : graph),
});

const LARGEST = 65_504;
const SMALLEST = 2 ** -24;

/**
 * A lowered float32 graph as one that computes in float16 up to the value `until`: a model that came in half precision
 * runs as it came, and pooling and classifier behind it keep float32, as do inputs and outputs. Numbers beyond float16
 * (the score of a masked position) become its largest, and those below (an epsilon) its smallest.
 */
function narrowToHalf(graph: Graph, until: string): Graph {
  const facts = factsOf(graph);
  const isFloat = (value: string): boolean => facts.of(value)?.dtype === 'float32';
  const half = halfNodes(graph, until);
  const narrow = new Set(graph.nodes.flatMap((node) => (half.has(node) ? node.outputs : [])));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const tensors = new Map(graph.tensors);
  const nodes: Node[] = [];
  const added = new Set<string>();
  const halfName = (value: string): string => `${value}/float16`;
  const once = (name: string, make: () => void): string => {
    if (!added.has(name)) make();
    added.add(name);
    return name;
  };
  const cast = (from: string, to: string, type: number): void =>
    void nodes.push(makeNode('Cast', [from], [to], { to: int(type) }, { name: `${to}/cast` }));
  /** The float16 form of a float32 value that a half node reads. */
  const asHalf = (value: string): string => {
    if (value === '' || !isFloat(value)) return value;
    const tensor = graph.tensors.get(value);
    if (tensor !== undefined) return once(halfName(value), () => tensors.set(halfName(value), narrowTensor(tensor)));
    return narrow.has(value) ? halfName(value) : once(halfName(value), () => cast(value, halfName(value), FLOAT16));
  };
  for (const node of graph.nodes) {
    if (!half.has(node)) {
      nodes.push(node);
      continue;
    }
    const inputs = node.inputs.map(asHalf);
    nodes.push({
      ...narrowNode(node),
      inputs,
      outputs: node.outputs.map((value) => (value !== '' && isFloat(value) ? halfName(value) : value)),
    });
    for (const value of node.outputs) {
      const leaves =
        isFloat(value) &&
        (outputs.has(value) || graph.nodes.some((other) => !half.has(other) && other.inputs.includes(value)));
      if (leaves) cast(halfName(value), value, FLOAT);
    }
  }
  return prune({ ...graph, nodes, tensors });
}

/**
 * What is computed on the way from the tokens to `until`. Slices of the trained parameters are cut in float32 and
 * narrowed where they are used.
 */
function halfNodes({ nodes, inputs }: Graph, until: string): Set<Node> {
  const fromParameters = reach(nodes, new Set([PARAMETERS_INPUT]));
  const fromOthers = reach(nodes, new Set(inputs.flatMap(({ name }) => (name === PARAMETERS_INPUT ? [] : [name]))));
  const needed = new Set([until]);
  const half = new Set<Node>();
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    if (!node.outputs.every((output) => fromParameters.has(output) && !fromOthers.has(output))) half.add(node);
  }
  return half;
}

function narrowNode(node: Node): Node {
  if (node.domain !== '') return node;
  if (node.op === 'Cast' && intAttribute(node, 'to', FLOAT) === FLOAT)
    return { ...node, attributes: { ...node.attributes, to: int(FLOAT16) } };
  const { value } = node.attributes;
  return value?.type === 'tensor'
    ? { ...node, attributes: { ...node.attributes, value: { type: 'tensor', value: narrowTensor(value.value) } } }
    : node;
}

function narrowTensor(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float32') return tensor;
  return rememberedHalf(tensor) ?? fromNumbers('float16', toFloat32(tensor).map(within), tensor.dims);
}

function within(value: number): number {
  if (value !== 0 && Math.abs(value) < SMALLEST) return Math.sign(value) * SMALLEST;
  return Math.min(Math.max(value, -LARGEST), LARGEST);
}
