import { float32Tensor, inferNode, valueOfTensor, type Node, type Tensor } from '@hadamard-adapter/graph/internal';

/** ONNX's number for float32. */
const FLOAT = 1;

/** The weight that `node` unpacks; undefined for anything else than a stored one. */
export function unpack(node: Node, tensors: ReadonlyMap<string, Tensor>): Tensor | undefined {
  const stored = node.inputs.map((name) => tensors.get(name));
  if (!isUnpacking(node, stored)) return undefined;
  const inputs = stored.map((tensor) => (tensor === undefined ? undefined : valueOfTensor(tensor)));
  const [value] = inferNode(node, inputs, { maxElements: Number.POSITIVE_INFINITY });
  const dims = value?.dims.filter((dim) => typeof dim === 'number');
  return value?.data === undefined || dims === undefined ? undefined : float32Tensor(value.data, dims);
}

function isUnpacking({ op, inputs, attributes }: Node, stored: readonly (Tensor | undefined)[]): boolean {
  if (inputs.some((name, i) => name !== '' && (stored[i] === undefined || stored[i].dtype === 'string'))) return false;
  if (op === 'DequantizeLinear') return stored[1]?.dtype === 'float32';
  const isShort = stored[0]?.dtype === 'float16' || stored[0]?.dtype === 'bfloat16';
  return op === 'Cast' && isShort && attributes['to']?.type === 'int' && attributes['to'].value === FLOAT;
}
