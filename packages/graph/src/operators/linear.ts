import { INTERNAL_DOMAIN, int, intAttribute } from '../ir/graph.js';
import type { Dim } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { inputAt, isPresent, needValue, outputAt } from './support/arguments.js';
import { firstAlong, gradientOf } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import type { Builder } from '../builder/builder.js';
import { addTo, affine, asRows, linearDims } from './support/matrices.js';

/**
 * Of the compiler: y = x·W + b over the last axis, W [k, n], or [n, k] with transB = 1. dx is a Linear with the same
 * weight read the other way round, so that no transposed copy of it ever exists; dW = xᵀ·dy and db = Σ dy over all
 * rows.
 */
export const linear: Operator = {
  name: `${INTERNAL_DOMAIN}:Linear`,
  text: 'a Gemm over all leading axes, https://onnx.ai/onnx/operators/onnx__Gemm.html, version 13',
  infer: linearDims,
  evaluate(node, inputs, [y]) {
    const x = needValue(node, inputs, 0);
    const product = affine(
      x.data,
      x.dims.at(-1) ?? 1,
      needValue(node, inputs, 1),
      intAttribute(node, 'transB', 0) === 1,
    );
    return [addTo(product, inputs[2], y?.dims ?? [])];
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [x, weight, dy] = [inputAt(node, 0), inputAt(node, 1), gradientOf(context)];
    const [, , bias] = node.inputs;
    const transB = intAttribute(node, 'transB', 0);
    const gradients: (string | undefined)[] = [
      wants(0)
        ? builder.emit('Linear', [dy, weight], { transB: int(1 - transB) }, { domain: INTERNAL_DOMAIN })
        : undefined,
      wants(1) ? weightGradient(builder, x, dy, transB) : undefined,
    ];
    if (bias !== undefined) gradients.push(wants(2) ? unbroadcast(builder, dy, bias) : undefined);
    return gradients;
  },
  axes({ node, axis, dims }) {
    const rank = dims(outputAt(node, 0))?.length ?? 0;
    return axis < rank - 1 ? firstAlong(node, axis) : undefined;
  },
  /**
   * Gemm knows two dimensions only: rows are flattened in front and given their shape back behind, which moves no data.
   */
  lower(node, builder) {
    const [x, weight, output] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
    const bias = node.inputs[2];
    const [from = 1, to = 1] = [builder.dims(x).at(-1), builder.dims(output).at(-1)];
    const transB = int(intAttribute(node, 'transB', 0));
    const flat = (value: string, width: Dim): string =>
      builder.dims(value).length <= 2
        ? value
        : builder.emit('Reshape', [value, builder.ints([-1, typeof width === 'number' ? width : -1])]);
    const rank = builder.dims(x).length;
    const operands = [flat(x, from), weight, ...(isPresent(bias) ? [flat(bias, to)] : [])];
    if (rank === 2) {
      builder.emit('Gemm', operands, { transB }, { output });
      return;
    }
    const product = builder.emit('Gemm', operands, { transB });
    builder.emit('Reshape', [product, rowShape(builder, x, to)], {}, { output });
  },
  isProduct: true,
  isWorthKeeping: true,
};

function weightGradient(builder: Builder, x: string, dy: string, transB: number): string {
  const rows = asRows(builder, x);
  const errors = asRows(builder, dy);
  return builder.emit('Gemm', transB === 1 ? [errors, rows] : [rows, errors], { transA: int(1) });
}

/** The shape of `like` with another last dimension, int64; shared by every Linear of the same rows. */
function rowShape(builder: Builder, like: string, last: Dim): string {
  // How many labels there are may be open until the adapter is known.
  const isOpen = typeof last !== 'number';
  const width = isOpen ? -1 : last;
  const leading = builder.dims(like).slice(0, -1);
  const open = leading.filter((dim) => typeof dim !== 'number').length;
  if (open === 0 || (!isOpen && open === 1))
    return builder.ints([...leading.map((dim) => (typeof dim === 'number' ? dim : -1)), width]);
  const rows = builder.emit('Shape', [like], { start: int(0), end: int(-1) });
  return builder.emit('Concat', [rows, builder.ints([width])], { axis: int(0) });
}
