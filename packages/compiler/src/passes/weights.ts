import {
  type Graph,
  type Node,
  type Tensor,
  float32Tensor,
  prune,
  inferNode,
  valueOfTensor,
} from '@hadamard-adapter/graph/internal';

/**
 * Weights stored small (`DequantizeLinear` of int8, `Cast` of float16) become float32 tensors, once, when the model is
 * opened: what runs is then the same graph as for a float32 file, at the speed of one.
 */
export function unpackWeights(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.filter((node) => {
    const unpacked = node.domain === '' ? unpack(node, tensors) : undefined;
    if (unpacked === undefined) return true;
    tensors.set(node.outputs[0] as string, unpacked);
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : prune({ ...graph, nodes, tensors });
}

const FLOAT32 = 1;

/** The weight that `node` unpacks; undefined for anything else than a stored one. */
export function unpack(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor | undefined {
  if (!isUnpacking(node, tensors)) return undefined;
  const inputs = node.inputs.map((name) => (name === '' ? undefined : valueOfTensor(tensors.get(name) as Tensor)));
  const [value] = inferNode(node, inputs, { maxElements: Number.POSITIVE_INFINITY });
  return value?.data === undefined ? undefined : float32Tensor(value.data, value.dims);
}

function isUnpacking({ op, inputs, attributes }: Node, tensors: ReadonlyMap<string, Tensor>): boolean {
  const stored = inputs.map((name) => tensors.get(name));
  if (inputs.some((name, i) => name !== '' && (stored[i] === undefined || stored[i].dtype === 'string'))) return false;
  if (op === 'DequantizeLinear') return stored[1]?.dtype === 'float32';
  const half = stored[0]?.dtype === 'float16' || stored[0]?.dtype === 'bfloat16';
  return op === 'Cast' && half && attributes['to']?.type === 'int' && attributes['to'].value === FLOAT32;
}
