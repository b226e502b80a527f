import { inputAt, outputAt } from './arguments.js';
import { gradientOf } from './elementwise.js';
import { unbroadcast } from './unbroadcast.js';
import type { GradientRule } from '../operator.js';

/** The gradient passes to the operand that was chosen; where two are equal, to the first of them. */
export const chosen =
  (isChosen: 'GreaterOrEqual' | 'LessOrEqual'): GradientRule =>
  (context) => {
    const { builder, node } = context;
    const y = outputAt(node, 0);
    let left = gradientOf(context);
    return node.inputs.map((_, i) => {
      const x = inputAt(node, i);
      const own = builder.emit(isChosen, [x, y]);
      const passed = builder.emit('Where', [own, left, builder.scalar(0)]);
      left = builder.emit('Where', [own, builder.scalar(0), left]);
      return unbroadcast(builder, passed, x);
    });
  };
