import { int, intAttribute, intsAttribute } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { inputAt, isPresent, outputAt } from '../support/arguments.js';
import { CONTRIB, refuse } from '../support/fused.js';
import { attend, ENCODER, maskBias } from '../support/fused-attention.js';

/**
 * Self-attention over one packed projection: input [b, s, h], weights [h, 3·width], bias [3·width], mask, past,
 * attention bias. The projection stays one product, three times as wide; its result is split into queries, keys and
 * values.
 */
export const packedAttention: Operator = {
  name: 'com.microsoft:Attention',
  text: CONTRIB,
  expand(node, builder) {
    const [x, weights] = [inputAt(node, 0), inputAt(node, 1)];
    const [, , bias, mask, past, scoreBias] = node.inputs;
    const packed = builder.constant(weights);
    refuse(node, ENCODER, [
      [isPresent(past), 'a cache of past keys'],
      [intAttribute(node, 'unidirectional', 0) === 1, 'a causal mask, which makes it a decoder'],
      [intAttribute(node, 'do_rotary', 0) === 1, 'rotary positions'],
      [packed === undefined, 'a projection that is not a constant'],
    ]);
    const third = (packed?.dims[1] ?? 0) / 3;
    const sizes = intsAttribute(node, 'qkv_hidden_sizes') ?? [third, third, third];
    const product = builder.emit('MatMul', [x, weights]);
    const projected = isPresent(bias) ? builder.emit('Add', [product, bias]) : product;
    const parts = ['q', 'k', 'v'].map((part) => `${outputAt(node, 0)}/${part}`);
    builder.emitAll('Split', [projected, builder.ints(sizes)], parts, { axis: int(-1) });
    attend(node, builder, parts, [maskBias(node, builder, mask, x), scoreBias]);
  },
};
