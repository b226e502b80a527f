import { BYTES_PER_ELEMENT, type Graph, type Tensor, freshNames } from '@hadamard-adapter/graph/internal';

/**
 * Exporters store weights of equal value once, so in a model that was never trained every bias is one tensor of zeros,
 * and every LayerNorm scale one of ones. They are different parameters all the same: each use gets a name of its own,
 * over the same bytes. Only vectors whose elements are all equal are taken apart; whatever else two places share, the
 * model shares.
 */
export function unshareVectors(graph: Graph): Graph {
  const uses = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const shared = new Set(
    [...graph.tensors]
      .filter(([name, tensor]) => (uses.get(name) ?? 0) > 1 && isUniformVector(tensor))
      .map(([name]) => name),
  );
  if (shared.size === 0) return graph;

  const fresh = freshNames(graph);
  const tensors = new Map(graph.tensors);
  const seen = new Set<string>();
  const nodes = graph.nodes.map((node) => {
    if (!node.inputs.some((name) => shared.has(name))) return node;
    const inputs = node.inputs.map((name) => {
      if (!shared.has(name)) return name;
      if (!seen.has(name)) {
        seen.add(name);
        return name;
      }
      const own = fresh(name);
      tensors.set(own, graph.tensors.get(name) as Tensor);
      return own;
    });
    return { ...node, inputs };
  });
  return { ...graph, nodes, tensors };
}

const isUniformVector = (tensor: Tensor): boolean =>
  tensor.dims.length === 1 && (tensor.dims[0] as number) >= 2 && isUniform(tensor);

/** Whether all elements of a float tensor are equal. */
export function isUniform({ dtype, bytes }: Tensor): boolean {
  if (dtype !== 'float32' && dtype !== 'float16') return false;
  const width = BYTES_PER_ELEMENT[dtype];
  return bytes.every((byte, i) => byte === bytes[i % width]);
}
