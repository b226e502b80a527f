import { int, intAttribute, string } from '../ir/graph.js';
import { sameDim } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needValue, outputAt } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';
import { asInt64, zerosLike } from './support/placing.js';
import { wrap } from './support/scatter.js';

/** In its gradient each entry goes back to where it was picked from; entries picked twice get both. */
export const gatherElements: Operator = {
  name: 'GatherElements',
  text: onnx('GatherElements', 13),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 1).dims }],
  evaluate(node, inputs) {
    const [x, { dims, data: indices }] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const [own, strides] = [stridesOf(dims), stridesOf(x.dims)];
    const placeOf = (index: number, i: number): number =>
      dims.reduce((sum, size, d) => {
        const position = d === axis ? wrap(index, x.dims[axis] ?? 0) : Math.floor(i / (own[d] ?? 1)) % size;
        return sum + position * (strides[d] ?? 0);
      }, 0);
    return [indices.map((index, i) => x.data[placeOf(index, i)] ?? Number.NaN)];
  },
  gradient(context) {
    const { node, builder } = context;
    const operands = [zerosLike(builder, inputAt(node, 0)), asInt64(builder, inputAt(node, 1)), gradientOf(context)];
    const attributes = { axis: int(intAttribute(node, 'axis', 0)), reduction: string('add') };
    return [builder.emit('ScatterElements', operands, attributes), undefined];
  },
  /** Indices are cut; what they point into as well, unless they point along this very axis. */
  axes({ node, axis, dims }) {
    const [source, output] = [dims(inputAt(node, 0)), dims(outputAt(node, 0))];
    if (output === undefined) return undefined;
    const along = (intAttribute(node, 'axis', 0) + output.length) % output.length;
    if (axis === along) return [undefined, axis];
    return sameDim(source?.[axis], output[axis]) ? [axis, axis] : undefined;
  },
};
