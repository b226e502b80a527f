import {
  INTERNAL_DOMAIN,
  int,
  type Graph,
  type Node,
  type Tensor,
  isQuantizedLinear,
  reach,
  makeNode,
  rewrite,
  eitherInput,
  type View,
} from '@hadamard-adapter/graph/internal';
import { unpack } from './weights.js';

/**
 * A dynamically quantized linear layer, `MatMulInteger(DynamicQuantizeLinear(x), Wq)` scaled back to float, becomes
 * `QuantizedLinear(x, Wq, scale, zero, bias)` of the internal domain: Wq [K, N] int8 or uint8, scale one number or [N],
 * zero point likewise or absent, bias [N] or absent. Lowered again, it is the same nodes as before: the weight stays
 * packed, and a forward pass computes what the file computes.
 */
export function fuseQuantizedLinears(graph: Graph): Graph {
  return rewrite(graph, (node, view) => {
    const match = node.domain === '' ? (matchBiased(node, view) ?? matchProduct(node, view)) : undefined;
    if (match === undefined) return undefined;
    const { input, weight, scale, zero, bias } = match;
    const inputs = [input, weight, scale, zero ?? '', bias ?? ''];
    while (inputs.at(-1) === '') inputs.pop();
    return {
      nodes: [makeNode('QuantizedLinear', inputs, node.outputs, {}, { domain: INTERNAL_DOMAIN, name: node.name })],
    };
  });
}

interface Match {
  readonly input: string;
  readonly weight: string;
  readonly scale: string;
  readonly zero: string | undefined;
  readonly bias?: string;
}

function matchBiased(node: Node, view: View): Match | undefined {
  if (node.op !== 'Add') return undefined;
  const sum = eitherInput(node, (value) => {
    const product = view.producedBy(value, 'Mul');
    return product && matchProduct(product, view);
  });
  return sum !== undefined && view.constant(sum.other)?.dims.length === 1
    ? { ...sum.picked, bias: sum.other }
    : undefined;
}

/** Cast(MatMulInteger(xq, Wq, zx, zw)) · (scale of x · scale of W) */
function matchProduct(node: Node, view: View): Match | undefined {
  if (node.op !== 'Mul') return undefined;
  const product = eitherInput(node, (value) =>
    view.producedBy(view.producedBy(value, 'Cast')?.inputs[0], 'MatMulInteger'),
  );
  if (product === undefined) return undefined;
  const [quantized, weight, inputZero, zero] = product.picked.inputs as [
    string,
    string,
    string | undefined,
    string | undefined,
  ];
  const quantize = view.producedBy(quantized, 'DynamicQuantizeLinear');
  const scales = view.producedBy(product.other, 'Mul');
  if (quantize === undefined || scales === undefined || view.constant(weight)?.dims.length !== 2) return undefined;
  const [, inputScale, ownZero] = quantize.outputs;
  const scale = scales.inputs.find((input) => input !== inputScale);
  const fits =
    quantize.outputs[0] === quantized &&
    inputZero === ownZero &&
    scales.inputs.includes(inputScale as string) &&
    view.constant(scale) !== undefined;
  return fits && scale !== undefined
    ? { input: quantize.inputs[0] as string, weight, scale, zero: zero === '' ? undefined : zero }
    : undefined;
}

/** Quantized layers behind `hidden` as plain ones: a head that is kept is trained, and packed weights cannot be. */
export function unpackBehind(graph: Graph, hidden: string): Graph {
  const behind = reach(graph.nodes, new Set([hidden]));
  return rewrite(graph, (node) => {
    if (!isQuantizedLinear(node) || !behind.has(node.outputs[0] as string)) return undefined;
    const [x, weight, scale, zero = '', bias = ''] = node.inputs as [
      string,
      string,
      string,
      string | undefined,
      string | undefined,
    ];
    const plain = `${weight}/unpacked`;
    const linear = makeNode(
      'Linear',
      bias === '' ? [x, plain] : [x, plain, bias],
      node.outputs,
      { transB: int(0) },
      { domain: INTERNAL_DOMAIN, name: node.name },
    );
    const stored = makeNode('DequantizeLinear', [weight, scale, ...(zero === '' ? [] : [zero])], [plain], {
      axis: int(1),
    });
    return { nodes: [linear], tensors: new Map([[plain, unpack(stored, graph.tensors) as Tensor]]) };
  });
}
