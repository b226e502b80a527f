import type { Operator } from './operator.js';
import { inputAt, need, needValue, outputAt } from './support/arguments.js';
import { alignedAxis, gradientOf, onnx } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import { swapLastAxes } from '../builder/transpose.js';
import { batchedProduct, productDims } from './support/matrices.js';

/** Batched matrix product of at least two axes each: dA = dY·Bᵀ, dB = Aᵀ·dY, summed over broadcast batch axes. */
export const matMul: Operator = {
  name: 'MatMul',
  text: onnx('MatMul', 13),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: productDims(node, inputs) }],
  evaluate: (node, inputs, [y]) => [
    batchedProduct(needValue(node, inputs, 0), needValue(node, inputs, 1), y?.dims ?? []),
  ],
  gradient(context) {
    const { node, builder, wants } = context;
    const [left, right, dy] = [inputAt(node, 0), inputAt(node, 1), gradientOf(context)];
    const product = (a: string, b: string): string => builder.emit('MatMul', [a, b]);
    return [
      wants(0) ? unbroadcast(builder, product(dy, swapLastAxes(builder, right)), left) : undefined,
      wants(1) ? unbroadcast(builder, product(swapLastAxes(builder, left), dy), right) : undefined,
    ];
  },
  axes(context) {
    const rank = context.dims(outputAt(context.node, 0))?.length ?? 0;
    return context.axis === rank - 2 && rank >= 3
      ? [alignedAxis(context, context.node.inputs[0]), undefined]
      : undefined;
  },
  isProduct: true,
};
