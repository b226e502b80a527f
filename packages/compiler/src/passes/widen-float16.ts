import {
  FLOAT,
  FLOAT16,
  float32Tensor,
  int,
  intAttribute,
  rememberHalf,
  rememberedHalf,
  toFloat32,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/**
 * What training differentiates is float32, since gradients of a frozen base come out as zero in float16. Inference goes
 * back to float16, see `asStored`, and finds the original bytes again.
 */
export const widenFloat16: Pass = {
  name: 'widen-float16',
  does: 'Computes in float32, from the same weights, what the file computes in float16.',
  needs: 'constants as tensors',
  guarantees: 'no float16 is left; the original tensors are remembered',
  run: (graph) => (hasFloat16Matrices(graph) ? widened(graph) : graph),
};

const hasFloat16Matrices = ({ tensors }: Graph): boolean =>
  [...tensors.values()].some(({ dtype, dims }) => dtype === 'float16' && dims.length >= 2);

/** Whether a graph was widened from a file that computes in float16. */
export const wasFloat16 = ({ tensors }: Graph): boolean =>
  [...tensors.values()].some((tensor) => rememberedHalf(tensor) !== undefined);

function widened(graph: Graph): Graph {
  const info = (each: ValueInfo): ValueInfo => (each.dtype === 'float16' ? { ...each, dtype: 'float32' } : each);
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map(widenedNode),
    tensors: new Map([...graph.tensors].map(([name, tensor]) => [name, widenedTensor(tensor)])),
  };
}

function widenedTensor(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float16') return tensor;
  const wide = float32Tensor(toFloat32(tensor), tensor.dims);
  rememberHalf(wide, tensor);
  return wide;
}

function widenedNode(node: Node): Node {
  if (node.domain !== '') return node;
  if (node.op === 'Cast' && intAttribute(node, 'to', FLOAT) === FLOAT16)
    return { ...node, attributes: { ...node.attributes, to: int(FLOAT) } };
  const { value } = node.attributes;
  if (value?.type !== 'tensor') return node;
  return { ...node, attributes: { ...node.attributes, value: { type: 'tensor', value: widenedTensor(value.value) } } };
}
