import type { Builder } from '../../builder/builder.js';
import { float, floatAttribute, int, intAttribute, ints, type Node } from '../../ir/graph.js';
import { scalarTensor } from '../../tensors/elements.js';
import { isPresent, outputAt } from './arguments.js';

const FLOAT = 1;
const INT32 = 6;

/** What an encoder's attention is, and no other is known. */
export const ENCODER = 'attention of an encoder over all positions';

/** Heads apart, `Attention` as this project writes it, heads side by side again. */
export function attend(
  node: Node,
  builder: Builder,
  operands: readonly string[],
  biases: readonly (string | undefined)[],
): void {
  const heads = intAttribute(node, 'num_heads', 0);
  const byHead = (value: string): string => {
    const apart = builder.emit('Reshape', [value, builder.ints([0, 0, heads, -1])], { allowzero: int(0) });
    return builder.emit('Transpose', [apart], { perm: ints([0, 2, 1, 3]) });
  };
  const separate = operands.map(byHead);
  const scale = floatAttribute(node, 'scale', 0);
  const terms = biases.filter(isPresent);
  const bias = terms.length === 2 ? [builder.emit('Add', terms)] : terms;
  const context = builder.emit('Attention', [...separate, ...bias], scale === 0 ? {} : { scale: float(scale) });
  const turned = builder.emit('Transpose', [context], { perm: ints([0, 2, 1, 3]) });
  const output = outputAt(node, 0);
  builder.emit('Reshape', [turned, builder.ints([0, 0, -1])], { allowzero: int(0) }, { output });
}

/**
 * The mask as an additive bias, [batch, 1, 1, t], from one of its two usual forms: the number of tokens of each row,
 * [batch], or 1 at tokens, [batch, t]. Which one it is shows in how it was made: the first comes from counting.
 */
export function maskBias(node: Node, builder: Builder, mask: string | undefined, tokens: string): string | undefined {
  if (!isPresent(mask)) return undefined;
  const masked = floatAttribute(node, 'mask_filter_value', -10_000);
  return builder.once(`mask ${mask} ${masked}`, () => {
    const numbers = (values: readonly number[]): string => builder.ints(values);
    const scalar = (value: number): string => builder.scalar(value);
    if (!isCount(builder, mask)) {
      const shifted = builder.emit('Sub', [builder.emit('Cast', [mask], { to: int(FLOAT) }), scalar(1)]);
      return builder.emit('Unsqueeze', [builder.emit('Mul', [shifted, scalar(-masked)]), numbers([1, 2])]);
    }
    const size = builder.emit('Shape', [tokens], { start: int(1), end: int(2) });
    const length = builder.emit('Squeeze', [size, numbers([0])]);
    const [zero, one] = [
      builder.tensor('zero', scalarTensor('int64', 0)),
      builder.tensor('one', scalarTensor('int64', 1)),
    ];
    const positions = builder.emit('Cast', [builder.emit('Range', [zero, length, one])], { to: int(INT32) });
    const counts = builder.emit('Unsqueeze', [builder.emit('Cast', [mask], { to: int(INT32) }), numbers([1])]);
    const isToken = builder.emit('Less', [positions, counts]);
    return builder.emit('Unsqueeze', [builder.emit('Where', [isToken, scalar(0), scalar(masked)]), numbers([1, 2])]);
  });
}

function isCount(builder: Builder, mask: string): boolean {
  const maker = builder.producer(mask);
  if (maker?.op === 'Cast') return isCount(builder, maker.inputs[0] ?? '');
  return (
    maker?.op === 'EmbedLayerNormalization' || (maker?.op === 'ReduceSum' && intAttribute(maker, 'keepdims', 1) === 0)
  );
}
