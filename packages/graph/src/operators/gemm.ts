import { float, floatAttribute, int, intAttribute } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { inputAt, need, needValue, optionalInput, shapeError, shapeText } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import { addTo, affine, canMultiply, transposed } from './support/matrices.js';

/**
 * y = α·A′·B′ + β·C with A′ and B′ perhaps transposed. Each operand's gradient is a Gemm of the other with dy, in the
 * order in which that operand is stored.
 */
export const gemm: Operator = {
  name: 'Gemm',
  text: onnx('Gemm', 13),
  infer(node, inputs) {
    const [a, b] = [need(node, inputs, 0), need(node, inputs, 1)];
    const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    const [rows, columns] = [a.dims[transA], b.dims[1 - transB]];
    const fits = a.dims.length === 2 && b.dims.length === 2 && canMultiply(a.dims[1 - transA], b.dims[transB]);
    if (!fits || rows === undefined || columns === undefined)
      throw shapeError(node, `${shapeText(a.dims)} · ${shapeText(b.dims)}`, 'matrices whose inner sizes agree');
    return [{ dtype: a.dtype, dims: [rows, columns] }];
  },
  evaluate(node, inputs, [y]) {
    const [a, b] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const [rows = 1, columns = 1] = a.dims;
    const transA = intAttribute(node, 'transA', 0) === 1;
    const left = transA ? transposed(a.data, rows, columns) : a.data;
    const alpha = floatAttribute(node, 'alpha', 1);
    const product = affine(left, transA ? rows : columns, b, intAttribute(node, 'transB', 0) === 1);
    const scaled = alpha === 1 ? product : product.map((value) => value * alpha);
    return [addTo(scaled, inputs[2], y?.dims ?? [], floatAttribute(node, 'beta', 1))];
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [a, b, c] = [inputAt(node, 0), inputAt(node, 1), optionalInput(node, 2)];
    const dy = gradientOf(context);
    const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    const alpha = float(floatAttribute(node, 'alpha', 1));
    const product = (left: string, right: string, transLeft: number, transRight: number): string =>
      builder.emit('Gemm', [left, right], { alpha, transA: int(transLeft), transB: int(transRight) });
    const gradients: (string | undefined)[] = [
      wants(0) ? (transA === 1 ? product(b, dy, transB, 1) : product(dy, b, 0, 1 - transB)) : undefined,
      wants(1) ? (transB === 1 ? product(dy, a, 1, transA) : product(a, dy, 1 - transA, 0)) : undefined,
    ];
    if (c === undefined) return gradients;
    const scaled = (): string => builder.emit('Mul', [dy, builder.scalar(floatAttribute(node, 'beta', 1))]);
    return [...gradients, wants(2) ? unbroadcast(builder, scaled(), c) : undefined];
  },
  isProduct: true,
};
