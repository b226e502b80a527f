import { INTERNAL_DOMAIN, int } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { inputAt, isPresent, needValue, outputAt } from './support/arguments.js';
import { gradientOf } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';
import type { Builder } from '../builder/builder.js';
import { batchedProduct, linearDims } from './support/matrices.js';
import { centered, quantizeDynamically } from './support/quantize.js';

/** ONNX's number for float32. */
const FLOAT = 1;

/**
 * Of the compiler: x quantized dynamically, times a packed matrix [k, n], scaled back to float: inputs x, weight,
 * scale, zero point, bias. The rounding of x has no useful derivative, so it is passed over (the straight-through
 * estimator, Bengio et al., arXiv 1308.3432): dx = dy·Wᵀ with W the dequantized weight, made when it is needed and gone
 * afterwards. The weight itself is frozen. It mixes positions: it rounds by the range of all its rows.
 */
export const quantizedLinear: Operator = {
  name: `${INTERNAL_DOMAIN}:QuantizedLinear`,
  text: 'MatMulInteger over DynamicQuantizeLinear, https://onnx.ai/onnx/operators/onnx__MatMulInteger.html, version 10',
  infer: linearDims,
  evaluate(node, inputs, [y]) {
    const [x, weight, scale] = [needValue(node, inputs, 0), needValue(node, inputs, 1), needValue(node, inputs, 2)];
    const [, , , zero, bias] = inputs;
    const { levels, scale: step, zero: point } = quantizeDynamically(x.data);
    const rows = { ...x, data: levels.map((level) => level - point) };
    const product = batchedProduct(rows, centered(weight, zero), y?.dims ?? []);
    const columns = weight.dims[1] ?? 1;
    const scaleOf = (column: number): number => scale.data[column % scale.data.length] ?? 1;
    return [product.map((sum, i) => sum * step * scaleOf(i % columns) + (bias?.data[i % columns] ?? 0))];
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [weight, scale, dy] = [inputAt(node, 1), inputAt(node, 2), gradientOf(context)];
    const [, , , zero, bias] = node.inputs;
    const gradients: (string | undefined)[] = [undefined, undefined, undefined, undefined];
    if (wants(0)) {
      const stored = [weight, scale, ...(isPresent(zero) ? [zero] : [])];
      const unpacked = builder.emit('DequantizeLinear', stored, { axis: int(1) });
      gradients[0] = builder.emit('Linear', [dy, unpacked], { transB: int(1) }, { domain: INTERNAL_DOMAIN });
    }
    if (isPresent(bias)) gradients.push(wants(4) ? unbroadcast(builder, dy, bias) : undefined);
    return gradients;
  },
  /**
   * In the order in which quantizers write it, so that a runtime computes the same bits as from the original file, and
   * fuses the same nodes.
   */
  lower(node, builder) {
    const [x, weight, scale] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
    const [, , , zero, bias] = node.inputs;
    const output = outputAt(node, 0);
    const quantized = quantize(x, builder);
    const operands = [quantized.levels, weight, quantized.zero, ...(isPresent(zero) ? [zero] : [])];
    const sums = builder.emit('Cast', [builder.emit('MatMulInteger', operands)], { to: int(FLOAT) });
    const scales = builder.emit('Mul', [quantized.scale, scale]);
    if (isPresent(bias)) builder.emit('Add', [builder.emit('Mul', [sums, scales]), bias], {}, { output });
    else builder.emit('Mul', [sums, scales], {}, { output });
  },
  isProduct: true,
  isWorthKeeping: true,
};

/** Queries, keys and values read the same x, which is quantized once. */
function quantize(x: string, builder: Builder): { levels: string; scale: string; zero: string } {
  const [scale, zero] = [`${x}_scale`, `${x}_zero`].map((stem) =>
    builder.once(`quantized ${stem}`, () => builder.fresh(stem)),
  );
  const names = { scale: scale ?? '', zero: zero ?? '' };
  const levels = builder.once(`quantized ${x}`, () => {
    const name = builder.fresh(`${x}_levels`);
    builder.emitAll('DynamicQuantizeLinear', [x], [name, names.scale, names.zero]);
    return name;
  });
  return { levels, ...names };
}
