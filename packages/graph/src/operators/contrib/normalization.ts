import { float, floatAttribute, int, type Node } from '../../ir/graph.js';
import type { Expansion } from './expansion.js';

/** LayerNorm(x + skip + bias) · scale + shift; the fourth output is the sum. */
export function expandSkipLayerNorm(node: Node, expansion: Expansion): void {
  const [x, skip, scale, shift, bias] = node.inputs as [string, string, string, string | undefined, string | undefined];
  const sum = addResidual(node, expansion, x, skip, bias);
  const inputs = shift === undefined || shift === '' ? [sum, scale] : [sum, scale, shift];
  expansion.emit(
    'LayerNormalization',
    inputs,
    { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', 1e-12)) },
    node.outputs[0],
  );
}

/** RMSNorm(x + skip + bias) · scale; the fourth output is the sum. */
export function expandSkipSimplifiedLayerNorm(node: Node, expansion: Expansion): void {
  const [x, skip, scale, bias] = node.inputs as [string, string, string, string | undefined];
  const sum = addResidual(node, expansion, x, skip, bias);
  expansion.emit(
    'RMSNormalization',
    [sum, scale],
    { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', 1e-12)) },
    node.outputs[0],
  );
}

export function expandSimplifiedLayerNorm(node: Node, { emit }: Expansion): void {
  emit(
    'RMSNormalization',
    node.inputs.slice(0, 2),
    { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', 1e-5)) },
    node.outputs[0],
  );
}

/**
 * The bias was fused out of the linear layer in front, so it goes back to the operand that is a product: the result of
 * that layer is where the adapter of site `output` sits.
 */
function addResidual(
  { outputs }: Node,
  { emit, view }: Expansion,
  x: string,
  skip: string,
  bias: string | undefined,
): string {
  const sum = outputs[3] === undefined || outputs[3] === '' ? undefined : outputs[3];
  if (bias === undefined || bias === '') return emit('Add', [x, skip], {}, sum);
  const isProduct = (value: string): boolean => view.producedBy(value, 'MatMul') !== undefined;
  const [biased, other] = isProduct(skip) && !isProduct(x) ? [skip, x] : [x, skip];
  return emit('Add', [emit('Add', [biased, bias]), other], {}, sum);
}
