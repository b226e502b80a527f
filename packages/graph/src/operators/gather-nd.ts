import { intAttribute, string } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { inputAt, need, needValue, shapeError } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';
import { zerosLike } from './support/placing.js';
import { wrap } from './support/scatter.js';

/** In its gradient each slice goes back to where it was picked from. */
export const gatherND: Operator = {
  name: 'GatherND',
  text: onnx('GatherND', 13),
  infer(node, inputs) {
    const [x, indices] = [need(node, inputs, 0), need(node, inputs, 1)];
    const depth = indices.dims.at(-1) ?? 0;
    if (intAttribute(node, 'batch_dims', 0) !== 0) throw shapeError(node, 'batch_dims', 'batch_dims 0');
    if (typeof depth !== 'number') throw shapeError(node, 'indices of a width that is not known', 'a number');
    return [{ dtype: x.dtype, dims: [...indices.dims.slice(0, -1), ...x.dims.slice(depth)] }];
  },
  evaluate(node, inputs, [y]) {
    const [{ dims, data }, indices] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const depth = indices.dims.at(-1) ?? 0;
    const inner = elementCount(dims.slice(depth));
    const strides = stridesOf(dims);
    const result = new Float64Array(elementCount(y?.dims ?? []));
    for (let row = 0; row * inner < result.length; row++) {
      let start = 0;
      for (let d = 0; d < depth; d++)
        start += wrap(indices.data[row * depth + d] ?? 0, dims[d] ?? 0) * (strides[d] ?? 0);
      result.set(data.subarray(start, start + inner), row * inner);
    }
    return [result];
  },
  gradient(context) {
    const { node, builder } = context;
    const operands = [zerosLike(builder, inputAt(node, 0)), inputAt(node, 1), gradientOf(context)];
    return [builder.emit('ScatterND', operands, { reduction: string('add') }), undefined];
  },
};
