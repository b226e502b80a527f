import { UnsupportedError } from '../../errors.js';
import { BYTES_PER_ELEMENT, type Tensor } from '../../tensors/tensor.js';
import {
  float,
  floatAttribute,
  int,
  intAttribute,
  ints as intsOf,
  intsAttribute,
  operatorName,
  type Node,
} from '../../ir/graph.js';
import { quote } from '../../ir/quote.js';
import type { View } from '../../ir/view.js';
import type { Expansion } from './expansion.js';

const FLOAT = 1;
const INT32 = 6;

const present = (value: string | undefined): value is string => value !== undefined && value !== '';

/**
 * Self-attention over one packed projection: input [b, s, h], weights [h, 3·width], bias [3·width], mask, past,
 * attention bias. The projection stays one product, three times as wide; its result is split into queries, keys and
 * values.
 */
export function expandAttention(node: Node, expansion: Expansion): void {
  const { emit, ints, view } = expansion;
  const [x, weights, bias, mask, past, scoreBias] = node.inputs;
  refuse(node, [
    [present(past), 'a cache of past keys'],
    [intAttribute(node, 'unidirectional', 0) === 1, 'a causal mask, which makes it a decoder'],
    [intAttribute(node, 'do_rotary', 0) === 1, 'rotary positions'],
    [view.constant(weights) === undefined, 'a projection that is not a constant'],
  ]);
  const total = (view.constant(weights) as Tensor).dims[1] as number;
  const sizes = intsAttribute(node, 'qkv_hidden_sizes') ?? [total / 3, total / 3, total / 3];
  const product = emit('MatMul', [x as string, weights as string]);
  const projected = present(bias) ? emit('Add', [product, bias]) : product;
  const parts = ['q', 'k', 'v'].map((part) => `${node.outputs[0]}/${part}`);
  emit('Split', [projected, ints(sizes)], { axis: int(-1) }, parts);
  attend(node, expansion, parts as [string, string, string], maskBias(node, expansion, mask, x as string), scoreBias);
}

/**
 * Attention of queries [b, s, h] over keys and values [b, t, h], or [b, heads, t, d]; bias [3·h] of the three
 * projections, key mask, attention bias.
 */
export function expandMultiHeadAttention(node: Node, expansion: Expansion): void {
  const { emit, tensor, view } = expansion;
  const [query, key, value, bias, mask, scoreBias, pastKey, pastValue] = node.inputs;
  refuse(node, [
    [present(pastKey) || present(pastValue), 'a cache of past keys'],
    [intAttribute(node, 'unidirectional', 0) === 1, 'a causal mask, which makes it a decoder'],
    [!present(key) || !present(value), 'queries, keys and values packed into one tensor'],
    [present(bias) && view.constant(bias)?.dims.length !== 1, 'a bias that is not a constant vector'],
  ]);
  const operands = [query, key, value] as [string, string, string];
  if (!present(bias))
    return attend(node, expansion, operands, maskBias(node, expansion, mask, key as string), scoreBias);
  const thirds = inThirds(view.constant(bias) as Tensor);
  const biased = operands.map((operand, i) =>
    emit('Add', [operand, tensor(`${bias}_${'qkv'[i]}`, thirds[i] as Tensor)]),
  ) as [string, string, string];
  return attend(node, expansion, biased, maskBias(node, expansion, mask, key as string), scoreBias);
}

/** Views of the three thirds of a vector. */
function inThirds({ dtype, dims, bytes }: Tensor): Tensor[] {
  const size = (dims[0] as number) / 3;
  const width = size * BYTES_PER_ELEMENT[dtype as Exclude<typeof dtype, 'string'>];
  return [0, 1, 2].map((i) => ({ dtype, dims: [size], bytes: bytes.subarray(i * width, (i + 1) * width) }));
}

/** Heads apart, `Attention` as this package writes it, heads side by side again. */
function attend(
  node: Node,
  { emit, ints }: Expansion,
  operands: readonly [string, string, string],
  mask: string | undefined,
  scoreBias: string | undefined,
): void {
  const heads = intAttribute(node, 'num_heads', 0);
  const byHead = (value: string): string =>
    emit('Transpose', [emit('Reshape', [value, ints([0, 0, heads, -1])], { allowzero: int(0) })], {
      perm: intsOf([0, 2, 1, 3]),
    });
  const [query, key, value] = operands.map(byHead) as [string, string, string];
  const scale = floatAttribute(node, 'scale', 0);
  const biases = [mask, scoreBias].filter(present);
  const bias = biases.length === 2 ? [emit('Add', biases)] : biases;
  const context = emit('Attention', [query, key, value, ...bias], scale === 0 ? {} : { scale: float(scale) });
  emit(
    'Reshape',
    [emit('Transpose', [context], { perm: intsOf([0, 2, 1, 3]) }), ints([0, 0, -1])],
    { allowzero: int(0) },
    node.outputs[0],
  );
}

/**
 * The mask as an additive bias, [batch, 1, 1, t], from one of its two usual forms: the number of tokens of each row,
 * [batch], or 1 at tokens, [batch, t]. Which one it is shows in how it was made: the first comes from counting.
 */
function maskBias(node: Node, expansion: Expansion, mask: string | undefined, tokens: string): string | undefined {
  if (!present(mask)) return undefined;
  const { emit, ints, scalar, view } = expansion;
  const masked = floatAttribute(node, 'mask_filter_value', -10_000);
  return expansion.once(`mask ${mask} ${masked}`, () => {
    if (!isCount(view, mask)) {
      const outside = emit('Mul', [
        emit('Sub', [emit('Cast', [mask], { to: int(FLOAT) }), scalar(1)]),
        scalar(-masked),
      ]);
      return emit('Unsqueeze', [outside, ints([1, 2])]);
    }
    const length = emit('Squeeze', [emit('Shape', [tokens], { start: int(1), end: int(2) }), ints([0])]);
    const positions = emit(
      'Cast',
      [emit('Range', [expansion.tensor('zero', int64Zero), length, expansion.tensor('one', int64One)])],
      { to: int(INT32) },
    );
    const isToken = emit('Less', [positions, emit('Unsqueeze', [emit('Cast', [mask], { to: int(INT32) }), ints([1])])]);
    return emit('Unsqueeze', [emit('Where', [isToken, scalar(0), scalar(masked)]), ints([1, 2])]);
  });
}

function isCount(view: View, mask: string): boolean {
  const maker = view.producer(mask);
  if (maker?.op === 'Cast') return isCount(view, maker.inputs[0] as string);
  return (
    maker?.op === 'EmbedLayerNormalization' || (maker?.op === 'ReduceSum' && intAttribute(maker, 'keepdims', 1) === 0)
  );
}

const int64Zero: Tensor = { dtype: 'int64', dims: [], bytes: new Uint8Array(8) };
const int64One: Tensor = { dtype: 'int64', dims: [], bytes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) };

/** @throws UnsupportedError CONTRIB_FORM for the first of `reasons` that holds. */
function refuse(node: Node, reasons: readonly (readonly [boolean, string])[]): void {
  const found = reasons.find(([holds]) => holds);
  if (found === undefined) return;
  throw new UnsupportedError(`${operatorName(node)} ${quote(node.name)} is used in a way that is not known`, {
    code: 'CONTRIB_FORM',
    found: found[1],
    expected: 'attention of an encoder over all positions',
    hint: 'Use the model as it was before ONNX Runtime optimized it.',
  });
}
