import { int, intAttribute } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { need, needValue, outputAt } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { alongAxis, besidesLastAxis, softmaxInPlace, upgradeSoftmax } from './support/softmax.js';
import { like } from './support/movement.js';

/** dx = y·(dy − Σ y·dy) over the normalized axis. */
export const softmax: Operator = {
  name: 'Softmax',
  text: onnx('Softmax', 13),
  infer: (node, inputs) => [like(need(node, inputs, 0))],
  evaluate: (node, inputs) => [alongAxis(node, needValue(node, inputs, 0), softmaxInPlace)],
  gradient(context) {
    const { node, builder } = context;
    const [y, dy] = [outputAt(node, 0), gradientOf(context)];
    const axis = builder.ints([intAttribute(node, 'axis', -1)]);
    const row = builder.emit('ReduceSum', [builder.emit('Mul', [y, dy]), axis], { keepdims: int(1) });
    return [builder.emit('Mul', [y, builder.emit('Sub', [dy, row])])];
  },
  axes: besidesLastAxis,
  upgrade: upgradeSoftmax,
};
