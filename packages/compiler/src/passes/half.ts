import {
  int,
  intAttribute,
  type Graph,
  type Node,
  type Tensor,
  float32Tensor,
  toFloat32,
  FLOAT,
  FLOAT16,
  rememberHalf,
} from '@hadamard-adapter/graph/internal';

/** Whether the matrices of a model are float16. */
export const isHalf = ({ tensors }: Graph): boolean =>
  [...tensors.values()].some(({ dtype, dims }) => dtype === 'float16' && dims.length >= 2);

/**
 * A graph that computes in float16 becomes one that computes in float32 from the same weights: what training
 * differentiates, since gradients of a frozen base come out as zero in half precision. Inference goes back to float16,
 * see `asStored`, and finds the original bytes again.
 */
export function widenHalf(graph: Graph): Graph {
  const widen = (tensor: Tensor): Tensor => {
    if (tensor.dtype !== 'float16') return tensor;
    const wide = float32Tensor(toFloat32(tensor), tensor.dims);
    rememberHalf(wide, tensor);
    return wide;
  };
  const node = (each: Node): Node => {
    if (each.domain !== '') return each;
    if (each.op === 'Cast' && intAttribute(each, 'to', FLOAT) === FLOAT16)
      return { ...each, attributes: { ...each.attributes, to: int(FLOAT) } };
    const { value } = each.attributes;
    return value?.type === 'tensor'
      ? { ...each, attributes: { ...each.attributes, value: { type: 'tensor', value: widen(value.value) } } }
      : each;
  };
  const info = <I extends Graph['inputs'][number]>(each: I): I =>
    each.dtype === 'float16' ? { ...each, dtype: 'float32' } : each;
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map(node),
    tensors: new Map([...graph.tensors].map(([name, tensor]) => [name, widen(tensor)])),
  };
}
