import { int } from '../ir/graph.js';
import { multiplyDims } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { inputAt, need, needElements, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridedIndex, stridesOf } from './support/strides.js';

/** In its gradient every copy counts: with the repeats as axes of their own, a sum over them. */
export const tile: Operator = {
  name: 'Tile',
  text: onnx('Tile', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const repeats = needElements(node, inputs, 1);
    return [{ dtype, dims: dims.map((size, axis) => multiplyDims(size, repeats[axis] ?? 1)) }];
  },
  evaluate(node, inputs, [y]) {
    const { dims, data } = needValue(node, inputs, 0);
    const [strides, sizes] = [stridesOf(dims), y?.dims ?? []];
    const own = stridesOf(sizes);
    const sourceOf = (flat: number): number =>
      dims.reduce((sum, size, axis) => {
        const position = Math.floor(flat / (own[axis] ?? 1)) % (sizes[axis] ?? 1);
        return sum + (position % size) * (strides[axis] ?? 0);
      }, 0);
    return [Float64Array.from(stridedIndex(sizes, own, 0), (flat) => data[sourceOf(flat)] ?? Number.NaN)];
  },
  symbols: 'moves',
  gradient(context) {
    const { node, builder } = context;
    const [x, repeats] = [inputAt(node, 0), inputAt(node, 1)];
    const rank = builder.dims(x).length;
    const column = (value: string): string => builder.emit('Reshape', [value, builder.ints([rank, 1])]);
    const apart = builder.emit('Reshape', [
      builder.emit('Concat', [column(repeats), column(builder.emit('Shape', [x]))], { axis: int(1) }),
      builder.ints([2 * rank]),
    ]);
    const copies = builder.ints(Array.from({ length: rank }, (_, axis) => 2 * axis));
    const spread = builder.emit('Reshape', [gradientOf(context), apart]);
    return [builder.emit('ReduceSum', [spread, copies], { keepdims: int(0) })];
  },
};
