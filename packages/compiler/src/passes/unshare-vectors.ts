import { freshNames, type Graph, type Tensor } from '@hadamard-adapter/graph/internal';
import { isUniform } from '../forms/uniform.js';
import type { Pass } from './pass.js';

/**
 * Exporters store weights of equal value once, so in a model that was never trained every bias is one tensor of zeros,
 * and every LayerNorm scale one of ones. They are different parameters all the same. Whatever else two places share,
 * the model shares.
 */
export const unshareVectors: Pass = {
  name: 'unshare-vectors',
  does: 'Gives each use of a vector of equal numbers a name of its own, over the same bytes.',
  needs: 'constants as tensors',
  guarantees: 'vectors that stand for different parameters have different names',
  run: unshared,
};

function unshared(graph: Graph): Graph {
  const uses = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const isShared = (name: string, tensor: Tensor): boolean => (uses.get(name) ?? 0) > 1 && isUniformVector(tensor);
  const shared = new Map([...graph.tensors].filter(([name, tensor]) => isShared(name, tensor)));
  if (shared.size === 0) return graph;

  const fresh = freshNames(graph);
  const tensors = new Map(graph.tensors);
  const seen = new Set<string>();
  const own = (name: string): string => {
    const tensor = shared.get(name);
    if (tensor === undefined) return name;
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    const copy = fresh(name);
    tensors.set(copy, tensor);
    return copy;
  };
  const nodes = graph.nodes.map((node) =>
    node.inputs.some((name) => shared.has(name)) ? { ...node, inputs: node.inputs.map(own) } : node,
  );
  return { ...graph, nodes, tensors };
}

const isUniformVector = (tensor: Tensor): boolean =>
  tensor.dims.length === 1 && (tensor.dims[0] ?? 0) >= 2 && isUniform(tensor);
