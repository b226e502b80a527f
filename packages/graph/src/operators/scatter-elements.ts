import { int, intAttribute, stringAttribute } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';
import { zerosLike } from './support/placing.js';
import { adds, wrap } from './support/scatter.js';

/** In its gradient the updates get that of where they went, see `ScatterND`. */
export const scatterElements: Operator = {
  name: 'ScatterElements',
  text: onnx('ScatterElements', 18),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  evaluate(node, inputs) {
    const [x, indices, updates] = [needValue(node, inputs, 0), needValue(node, inputs, 1), needValue(node, inputs, 2)];
    const { dims } = indices;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    const [own, strides] = [stridesOf(dims), stridesOf(x.dims)];
    const isSum = stringAttribute(node, 'reduction', 'none') === 'add';
    const result = x.data.slice();
    for (const [i, index] of indices.data.entries()) {
      const at = dims.reduce((sum, size, d) => {
        const position = d === axis ? wrap(index, x.dims[axis] ?? 0) : Math.floor(i / (own[d] ?? 1)) % size;
        return sum + position * (strides[d] ?? 0);
      }, 0);
      result[at] = (updates.data[i] ?? 0) + (isSum ? (result[at] ?? 0) : 0);
    }
    return [result];
  },
  gradient(context) {
    const { node, builder } = context;
    const [indices, updates, dy] = [inputAt(node, 1), inputAt(node, 2), gradientOf(context)];
    const axis = { axis: int(intAttribute(node, 'axis', 0)) };
    const kept = (): string =>
      adds(node) ? dy : builder.emit('ScatterElements', [dy, indices, zerosLike(builder, updates)], axis);
    return [
      context.wants(0) ? kept() : undefined,
      undefined,
      context.wants(2) ? builder.emit('GatherElements', [dy, indices], axis) : undefined,
    ];
  },
};
