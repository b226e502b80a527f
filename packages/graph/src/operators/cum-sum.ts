import { int, intAttribute } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { axisOf, inputAt, need, needData, needValue } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { stridesOf } from './support/strides.js';

/** In its gradient each entry counts in all sums behind it: the sum runs the other way. */
export const cumSum: Operator = {
  name: 'CumSum',
  text: onnx('CumSum', 14),
  infer: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  evaluate(node, inputs) {
    const { dims, data } = needValue(node, inputs, 0);
    const axis = axisOf(node, needData(node, inputs, 1)[0] ?? 0, dims.length);
    const [size, stride] = [dims[axis] ?? 1, stridesOf(dims)[axis] ?? 1];
    const [isExclusive, isReverse] = [intAttribute(node, 'exclusive', 0) === 1, intAttribute(node, 'reverse', 0) === 1];
    const result = new Float64Array(elementCount(dims));
    for (let start = 0; start < result.length; start++) {
      if (Math.floor(start / stride) % size !== 0) continue;
      let total = 0;
      for (let k = 0; k < size; k++) {
        const at = start + (isReverse ? size - 1 - k : k) * stride;
        const own = data[at] ?? 0;
        result[at] = isExclusive ? total : total + own;
        total += own;
      }
    }
    return [result];
  },
  gradient(context) {
    const { node, builder } = context;
    const attributes = {
      reverse: int(1 - intAttribute(node, 'reverse', 0)),
      exclusive: int(intAttribute(node, 'exclusive', 0)),
    };
    return [builder.emit('CumSum', [gradientOf(context), inputAt(node, 1)], attributes), undefined];
  },
};
