import type { Operator } from './operator.js';
import { need } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { axesOf, reshapeBack, sameData } from './support/movement.js';
import { moveAxesToInput } from './support/upgrade.js';

export const squeeze: Operator = {
  name: 'Squeeze',
  text: onnx('Squeeze', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axes = axesOf(node, inputs, dims.length) ?? dims.flatMap((size, axis) => (size === 1 ? [axis] : []));
    return [{ dtype, dims: dims.filter((_, axis) => !axes.includes(axis)) }];
  },
  evaluate: sameData,
  symbols: 'moves',
  gradient: reshapeBack,
  upgrade: moveAxesToInput(13),
  rearranges: true,
  sharesMemory: true,
};
