import { type Graph, type Node, type Tensor } from '../graph/graph.js';
import { elementCount, fromNumbers, toFloat32, toNumbers } from '../graph/tensors.js';
import { prune } from '../graph/prune.js';
import { scaleIndex } from '../ops/quantization.js';

/**
 * Weights stored small (`DequantizeLinear` of int8, `Cast` of float16) become float32 tensors, once, when the model is opened: what runs is then the
 * same graph as for a float32 file, at the speed of one.
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

function unpack(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const [x, scale, zero] = node.inputs.map((name) => tensors.get(name));
  if (x === undefined || x.dtype === 'string') return undefined;
  if (node.op === 'Cast') {
    const { to } = node.attributes;
    const half = x.dtype === 'float16' || x.dtype === 'bfloat16';
    return half && to?.type === 'int' && to.value === FLOAT32 ? fromNumbers('float32', toNumbers(x), x.dims) : undefined;
  }
  if (node.op !== 'DequantizeLinear' || scale?.dtype !== 'float32' || ((node.inputs[2] ?? '') !== '' && zero === undefined)) return undefined;
  return dequantize(node, x, scale, zero);
}

function dequantize(node: Node, x: Tensor, scale: Tensor, zero: Tensor | undefined): Tensor {
  const indexOf = scaleIndex(node, x.dims, scale.dims);
  const scales = toFloat32(scale);
  const zeros = zero === undefined ? undefined : toNumbers(zero);
  const values = new Float32Array(elementCount(x.dims));
  const stored = toNumbers(x);
  for (let i = 0; i < values.length; i++) {
    const k = indexOf(i);
    values[i] = ((stored[i] as number) - (zeros?.[k] ?? 0)) * (scales[k] as number);
  }
  return { dtype: 'float32', dims: x.dims, bytes: new Uint8Array(values.buffer) };
}
