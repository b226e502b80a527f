import { intAttribute } from '../../ir/graph.js';
import { BYTES_PER_ELEMENT, type Tensor } from '../../tensors/tensor.js';
import type { Operator } from '../operator.js';
import { inputAt, isPresent } from '../support/arguments.js';
import { CONTRIB, refuse } from '../support/fused.js';
import { attend, ENCODER, maskBias } from '../support/fused-attention.js';

/**
 * Attention of queries [b, s, h] over keys and values [b, t, h], or [b, heads, t, d]; bias [3·h] of the three
 * projections, key mask, attention bias.
 */
export const multiHeadAttention: Operator = {
  name: 'com.microsoft:MultiHeadAttention',
  text: CONTRIB,
  expand(node, builder) {
    const [, key, value, bias, mask, scoreBias, pastKey, pastValue] = node.inputs;
    const packed = isPresent(bias) ? builder.constant(bias) : undefined;
    refuse(node, ENCODER, [
      [isPresent(pastKey) || isPresent(pastValue), 'a cache of past keys'],
      [intAttribute(node, 'unidirectional', 0) === 1, 'a causal mask, which makes it a decoder'],
      [!isPresent(key) || !isPresent(value), 'queries, keys and values packed into one tensor'],
      [isPresent(bias) && packed?.dims.length !== 1, 'a bias that is not a constant vector'],
    ]);
    const operands = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    const thirds = packed === undefined ? [] : inThirds(packed);
    const biased = operands.map((operand, i) => {
      const own = thirds[i];
      return own === undefined ? operand : builder.emit('Add', [operand, builder.tensor(`${bias}_${'qkv'[i]}`, own)]);
    });
    attend(node, builder, biased, [maskBias(node, builder, mask, inputAt(node, 1)), scoreBias]);
  },
};

/** Views of the three thirds of a vector. */
function inThirds({ dtype, dims, bytes }: Tensor): Tensor[] {
  const size = (dims[0] ?? 0) / 3;
  const width = dtype === 'string' ? 0 : size * BYTES_PER_ELEMENT[dtype];
  return [0, 1, 2].map((i) => ({ dtype, dims: [size], bytes: bytes.subarray(i * width, (i + 1) * width) }));
}
