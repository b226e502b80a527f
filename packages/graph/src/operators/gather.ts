import { UnsupportedError } from '../errors.js';
import { intAttribute, string } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { asInt64, firstIndex, padded, zerosLike } from './support/placing.js';
import { wrap } from './support/scatter.js';

/**
 * In its gradient, rows of an embedding table get the sum over the places that looked them up. For one constant index
 * of any axis (the first token, the queries among packed projections) the gradient stands at that index, with zeros
 * around it.
 */
export const gather: Operator = {
  name: 'Gather',
  text: onnx('Gather', 13),
  infer(node, inputs) {
    const [x, indices] = [need(node, inputs, 0), need(node, inputs, 1)];
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
  },
  evaluate(node, inputs, [y]) {
    const [{ dims, data }, indices] = [needValue(node, inputs, 0), needValue(node, inputs, 1)];
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const [size, inner] = [dims[axis] ?? 0, elementCount(dims.slice(axis + 1))];
    const outer = elementCount(dims.slice(0, axis));
    const result = new Float64Array(elementCount(y?.dims ?? []));
    let at = 0;
    for (let row = 0; row < outer; row++) {
      for (const index of indices.data) {
        const start = (row * size + wrap(index, size)) * inner;
        result.set(data.subarray(start, start + inner), at);
        at += inner;
      }
    }
    return [result];
  },
  symbols: 'moves',
  gradient(context) {
    const { node, builder } = context;
    if (!context.wants(0)) return [undefined, undefined];
    const [table, indices] = [inputAt(node, 0), inputAt(node, 1)];
    const dims = builder.dims(table);
    const axis = (intAttribute(node, 'axis', 0) + dims.length) % dims.length;
    const index = builder.dims(indices).length === 0 ? builder.constantData(indices)?.[0] : undefined;
    if (index !== undefined) {
      const back = builder.emit('Unsqueeze', [gradientOf(context), builder.ints([axis])]);
      const start = firstIndex(builder, table, axis, builder.ints([index]));
      const before = dims.map((_, each) => (each === axis ? start : builder.ints([0])));
      return [padded(builder, back, table, before), undefined];
    }
    const widths = dims.slice(1).filter((dim) => typeof dim === 'number');
    if (axis !== 0 || widths.length !== dims.length - 1) {
      throw new UnsupportedError(`Gather "${node.name}" cannot be differentiated`, {
        code: 'GRADIENT_GATHER',
        found: `axis ${axis} of ${dims.length} dimensions`,
        expected: 'rows of a table, or one constant index',
      });
    }
    const rows = builder.emit('Reshape', [asInt64(builder, indices), builder.ints([-1, 1])]);
    const updates = builder.emit('Reshape', [gradientOf(context), builder.ints([-1, ...widths])]);
    const gradient = builder.emit('ScatterND', [zerosLike(builder, table), rows, updates], {
      reduction: string('add'),
    });
    return [gradient, undefined];
  },
};
