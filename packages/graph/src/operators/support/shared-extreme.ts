import { int, intAttribute } from '../../ir/graph.js';
import type { GradientRule } from '../operator.js';
import { inputAt, outputAt } from './arguments.js';
import { gradientOf } from './elementwise.js';
import { keepAxes } from './reduction.js';

/** The largest (or smallest) entries share the gradient evenly, as in PyTorch's amax. */
export const sharedExtreme: GradientRule = (context) => {
  const { node, builder } = context;
  const isExtreme = builder.emit('Equal', [inputAt(node, 0), keepAxes(context, outputAt(node, 0))]);
  const chosen = builder.emit('Cast', [isExtreme], { to: int(1) });
  const axes = node.inputs[1];
  const ties = builder.emit('ReduceSum', axes === undefined ? [chosen] : [chosen, axes], {
    keepdims: int(1),
    noop_with_empty_axes: int(intAttribute(node, 'noop_with_empty_axes', 0)),
  });
  return [builder.emit('Mul', [chosen, builder.emit('Div', [keepAxes(context, gradientOf(context)), ties])])];
};
