import {
  INTERNAL_DOMAIN,
  eitherInput,
  isPresent,
  rewrite,
  type Graph,
  type Node,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { isVector } from './support/norm-patterns.js';

/**
 * Lowered again, it is the same nodes as before: the weight stays packed, and a forward pass computes what the file
 * does.
 */
export const fuseQuantizedLinears: Pass = {
  name: 'fuse-quantized-linears',
  does: 'Makes a dynamically quantized linear layer, `MatMulInteger` of `DynamicQuantizeLinear` scaled back, one node.',
  needs: 'constants folded',
  guarantees:
    'they are `QuantizedLinear(x, W, scale, zero, bias)`: W [k, n] int8 or uint8, scale and zero point one number or ' +
    '[n], bias [n]',
  run: fused,
};

function fused(graph: Graph): Graph {
  return rewrite(graph, (node, builder, view) => {
    const match = node.domain === '' ? (matchBiased(node, view) ?? matchProduct(node, view)) : undefined;
    const [output] = node.outputs;
    if (match === undefined || output === undefined) return false;
    const { input, weight, scale, zero, bias } = match;
    const inputs = [input, weight, scale, zero ?? '', bias ?? ''];
    while (inputs.at(-1) === '') inputs.pop();
    builder.emit('QuantizedLinear', inputs, {}, { domain: INTERNAL_DOMAIN, output, name: node.name });
    return true;
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
  return sum !== undefined && isVector(view, sum.other) ? { ...sum.picked, bias: sum.other } : undefined;
}

/** Cast(MatMulInteger(xq, Wq, zx, zw)) · (scale of x · scale of W) */
function matchProduct(node: Node, view: View): Match | undefined {
  if (node.op !== 'Mul') return undefined;
  const product = eitherInput(node, (value) =>
    view.producedBy(view.producedBy(value, 'Cast')?.inputs[0], 'MatMulInteger'),
  );
  const [quantized, weight, inputZero, zero] = product?.picked.inputs ?? [];
  const quantize = view.producedBy(quantized, 'DynamicQuantizeLinear');
  const scales = view.producedBy(product?.other, 'Mul');
  const [input] = quantize?.inputs ?? [];
  const [levels, inputScale, ownZero] = quantize?.outputs ?? [];
  if (input === undefined || inputScale === undefined || weight === undefined || scales === undefined) return undefined;
  const scale = scales.inputs.find((each) => each !== inputScale);
  const fits =
    view.constant(weight)?.dims.length === 2 &&
    levels === quantized &&
    inputZero === ownZero &&
    scales.inputs.includes(inputScale) &&
    view.constant(scale) !== undefined;
  return fits && scale !== undefined ? { input, weight, scale, zero: isPresent(zero) ? zero : undefined } : undefined;
}
