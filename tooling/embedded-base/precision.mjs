import {
  BYTES_PER_ELEMENT,
  float32Tensor,
  fromNumbers,
  int,
  toFloat32,
  toNumbers,
} from '@hadamard-adapter/graph/internal';

/** Weights below this size stay float32: norms and biases are a percent of the bytes and take the most harm. */
const SMALLEST_PACKED = 4096;

/** int4 shares a scale among this many weights in a row, as is usual at four bits. */
const INT4_BLOCK = 32;

/** The forms that were compared. `pack` answers how a weight is stored and the node that unpacks it. */
export const PRECISIONS = {
  float32: (_name, tensor) => ({ tensors: {}, values: toFloat32(tensor), bytes: tensor.bytes.length }),
  float16: packFloat16,
  int8: packInt8,
  int4: simulateInt4,
};

/**
 * Every large weight in the chosen precision.
 *
 * @returns {{
 *   graph: import('@hadamard-adapter/graph').Graph;
 *   rounded: import('@hadamard-adapter/graph').Graph;
 *   bytes: number;
 * }}
 *   the graph to store; the same
 *   graph with float32 weights of the values that the stored ones stand for; bytes of all tensors as stored.
 */
export function withPrecision(graph, precision) {
  const pack = PRECISIONS[precision];
  const [tensors, rounded, unpacking] = [new Map(), new Map(), []];
  let bytes = 0;
  for (const [name, tensor] of graph.tensors) {
    if (
      tensor.dtype !== 'float32' ||
      tensor.dims.length !== 2 ||
      tensor.bytes.length / BYTES_PER_ELEMENT.float32 < SMALLEST_PACKED
    ) {
      tensors.set(name, tensor);
      rounded.set(name, tensor);
      bytes += tensor.bytes.length;
      continue;
    }
    const packed = pack(name, tensor, axisOfScales(graph, name));
    rounded.set(name, float32Tensor(packed.values, tensor.dims));
    bytes += packed.bytes;
    if (packed.node === undefined) tensors.set(name, tensor);
    else unpacking.push({ domain: '', name: `unpack/${name}`, outputs: [name], ...packed.node });
    for (const [key, value] of Object.entries(packed.tensors)) tensors.set(key, value);
  }
  const opsets = new Map(graph.opsets).set('', Math.max(13, graph.opsets.get('') ?? 13));
  return {
    graph: { ...graph, opsets, tensors, nodes: [...unpacking, ...graph.nodes] },
    rounded: { ...graph, tensors: rounded },
    bytes,
  };
}

/**
 * One scale per output: per row for a table that rows are gathered from, per column for a matrix on the right of a
 * product.
 */
function axisOfScales(graph, name) {
  const gathered = graph.nodes.some((node) => node.op === 'Gather' && node.inputs[0] === name);
  const transposed = graph.nodes.some(
    (node) => node.op === 'Gemm' && node.inputs[1] === name && node.attributes.transB?.value === 1,
  );
  return gathered || transposed ? 0 : 1;
}

function packFloat16(name, tensor) {
  const half = fromNumbers('float16', toFloat32(tensor), tensor.dims);
  return {
    tensors: { [`${name}/float16`]: half },
    node: { op: 'Cast', inputs: [`${name}/float16`], attributes: { to: int(1) } },
    values: Float32Array.from(toNumbers(half)),
    bytes: half.bytes.length,
  };
}

function packInt8(name, tensor, axis) {
  const values = toFloat32(tensor);
  const [rows, columns] = tensor.dims;
  const channel = (i) => (axis === 0 ? Math.floor(i / columns) : i % columns);
  const scales = new Float32Array(axis === 0 ? rows : columns);
  values.forEach((value, i) => (scales[channel(i)] = Math.max(scales[channel(i)], Math.abs(value) / 127)));
  const stored = Int8Array.from(values, (value, i) =>
    scales[channel(i)] === 0 ? 0 : Math.round(value / scales[channel(i)]),
  );
  return {
    tensors: { [`${name}/int8`]: fromNumbers('int8', stored, tensor.dims), [`${name}/scale`]: float32Tensor(scales) },
    node: { op: 'DequantizeLinear', inputs: [`${name}/int8`, `${name}/scale`], attributes: { axis: int(axis) } },
    values: Float32Array.from(stored, (value, i) => value * scales[channel(i)]),
    bytes: stored.length + scales.length * 4,
  };
}

/** Only simulated: what it would cost is enough to decide. */
function simulateInt4(_name, tensor) {
  const values = toFloat32(tensor).slice();
  for (let start = 0; start < values.length; start += INT4_BLOCK) {
    const block = values.subarray(start, start + INT4_BLOCK);
    const scale = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 7;
    if (scale > 0) block.forEach((value, i) => (block[i] = Math.round(value / scale) * scale));
  }
  return { tensors: {}, values, bytes: values.length / 2 + (values.length / INT4_BLOCK) * 2 };
}
