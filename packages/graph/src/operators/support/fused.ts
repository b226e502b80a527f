import { UnsupportedError } from '../../errors.js';
import type { Builder } from '../../builder/builder.js';
import { float, floatAttribute, int, operatorName, type Attributes, type Node } from '../../ir/graph.js';
import { quote } from '../../ir/quote.js';
import { isPresent } from './arguments.js';

/** Where ONNX Runtime defines what its transformer optimizer fuses models into. */
export const CONTRIB = 'https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md, ONNX Runtime 1.30';

/** @throws UnsupportedError CONTRIB_FORM for the first of `reasons` that holds. */
export function refuse(
  node: Node,
  expected: string,
  reasons: readonly (readonly [holds: boolean, found: string])[],
): void {
  const reason = reasons.find(([holds]) => holds);
  if (reason === undefined) return;
  throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} is used in a way that is not known`, {
    code: 'CONTRIB_FORM',
    found: reason[1],
    expected,
    hint: 'Use the model as it was before ONNX Runtime optimized it.',
  });
}

/** The attributes of a norm over the last axis, from those of a fused one. */
export const normAttributes = (node: Node, epsilon = 1e-12): Attributes => ({
  axis: int(-1),
  epsilon: float(floatAttribute(node, 'epsilon', epsilon)),
});

/** An output that may be absent, as where to put a result. */
export const outputNamed = (name: string | undefined): { output?: string } => (isPresent(name) ? { output: name } : {});

/**
 * x + skip + bias. The bias was fused out of the linear layer in front, so it goes back to the operand that is a
 * product: the result of that layer is where the adapter of site `output` sits.
 */
export function addResidual(
  builder: Builder,
  [x, skip]: readonly [string, string],
  bias: string | undefined,
  sum: string | undefined,
): string {
  if (!isPresent(bias)) return builder.emit('Add', [x, skip], {}, outputNamed(sum));
  const isProduct = (value: string): boolean => {
    const node = builder.producer(value);
    return node?.op === 'MatMul' && node.domain === '';
  };
  const [biased, other] = isProduct(skip) && !isProduct(x) ? [skip, x] : [x, skip];
  return builder.emit('Add', [builder.emit('Add', [biased, bias]), other], {}, outputNamed(sum));
}
