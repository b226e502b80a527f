import { int, intAttribute } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { need, needValue, outputAt } from './support/arguments.js';
import { gradientOf, onnx } from './support/elementwise.js';
import { alongAxis, softmaxInPlace, upgradeSoftmax } from './support/softmax.js';
import { like } from './support/movement.js';

/** dx = dy − softmax(x)·Σ dy over the normalized axis. */
export const logSoftmax: Operator = {
  name: 'LogSoftmax',
  text: onnx('LogSoftmax', 13),
  infer: (node, inputs) => [like(need(node, inputs, 0))],
  evaluate: (node, inputs) => [
    alongAxis(node, needValue(node, inputs, 0), (line) => {
      softmaxInPlace(line);
      for (const [i, share] of line.entries()) line[i] = Math.log(share);
    }),
  ],
  gradient(context) {
    const { node, builder } = context;
    const dy = gradientOf(context);
    const axis = builder.ints([intAttribute(node, 'axis', -1)]);
    const total = builder.emit('ReduceSum', [dy, axis], { keepdims: int(1) });
    return [builder.emit('Sub', [dy, builder.emit('Mul', [builder.emit('Exp', [outputAt(node, 0)]), total])])];
  },
  upgrade: upgradeSoftmax,
};
