import { stringAttribute } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { inputAt, need, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';
import { zerosLike } from './support/placing.js';
import { adds, wrap } from './support/scatter.js';

/**
 * In its gradient the updates get that of where they went; what they replaced gets none, what they were added to all of
 * it. Of several updates in one place, which replaced which is not defined.
 */
export const scatterND: Operator = {
  name: 'ScatterND',
  text: onnx('ScatterND', 18),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  evaluate(node, inputs) {
    const [x, indices, updates] = [needValue(node, inputs, 0), needValue(node, inputs, 1), needValue(node, inputs, 2)];
    const depth = indices.dims.at(-1) ?? 0;
    const inner = elementCount(x.dims.slice(depth));
    const strides = stridesOf(x.dims);
    const isSum = stringAttribute(node, 'reduction', 'none') === 'add';
    const result = x.data.slice();
    for (let row = 0; row * depth < indices.data.length; row++) {
      let start = 0;
      for (let d = 0; d < depth; d++)
        start += wrap(indices.data[row * depth + d] ?? 0, x.dims[d] ?? 0) * (strides[d] ?? 0);
      for (let i = 0; i < inner; i++)
        result[start + i] = (updates.data[row * inner + i] ?? 0) + (isSum ? (result[start + i] ?? 0) : 0);
    }
    return [result];
  },
  gradient(context) {
    const { node, builder } = context;
    const [indices, updates, dy] = [inputAt(node, 1), inputAt(node, 2), gradientOf(context)];
    const kept = (): string =>
      adds(node) ? dy : builder.emit('ScatterND', [dy, indices, zerosLike(builder, updates)]);
    return [
      context.wants(0) ? kept() : undefined,
      undefined,
      context.wants(2) ? builder.emit('GatherND', [dy, indices]) : undefined,
    ];
  },
};
