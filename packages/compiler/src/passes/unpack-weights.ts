import { prune, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { unpack } from './support/unpack.js';

/** Once, when the model is opened: what runs is then the same graph as for a float32 file, at the speed of one. */
export const unpackWeights: Pass = {
  name: 'unpack-weights',
  does: 'Turns weights that are stored small (`DequantizeLinear` of int8, `Cast` of float16) into float32 tensors.',
  needs: 'constants as tensors',
  guarantees: 'weights that are not multiplied as integers are float32',
  run: unpacked,
};

function unpacked(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.filter((node) => {
    const weight = node.domain === '' ? unpack(node, tensors) : undefined;
    const [output] = node.outputs;
    if (weight === undefined || output === undefined) return true;
    tensors.set(output, weight);
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : prune({ ...graph, nodes, tensors });
}
