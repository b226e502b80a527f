import type { Operator } from './operator.js';
import { need } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { axesOf, axisCount, reshapeBack, sameData } from './support/movement.js';
import { moveAxesToInput } from './support/upgrade.js';

export const unsqueeze: Operator = {
  name: 'Unsqueeze',
  text: onnx('Unsqueeze', 13),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const rank = dims.length + axisCount(node, inputs);
    const axes = new Set(axesOf(node, inputs, rank));
    const rest = [...dims];
    return [{ dtype, dims: Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))) }];
  },
  evaluate: sameData,
  symbols: 'moves',
  gradient: reshapeBack,
  upgrade: moveAxesToInput(13),
  rearranges: true,
  sharesMemory: true,
};
