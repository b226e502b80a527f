import { UnsupportedError } from '../errors.js';
import type { Operator } from './operator.js';
import { inputAt } from './support/arguments.js';
import { binary, gradientOf } from './support/elementwise.js';
import { unbroadcast } from './support/unbroadcast.js';

/** Only the base has a gradient: exponents are constants in every network this project knows. */
export const pow: Operator = binary('Pow', 15, (a, b) => a ** b, {
  gradient(context) {
    const { builder, node } = context;
    if (context.wants(1)) {
      throw new UnsupportedError(`Pow "${node.name}" is asked for the gradient of its exponent`, {
        code: 'GRADIENT_POW_EXPONENT',
        expected: 'a constant exponent',
      });
    }
    const [x, exponent] = [inputAt(node, 0), inputAt(node, 1)];
    const lower = builder.emit('Pow', [x, builder.emit('Sub', [exponent, builder.scalar(1)])]);
    const bend = builder.emit('Mul', [exponent, lower]);
    return [unbroadcast(builder, builder.emit('Mul', [gradientOf(context), bend]), x)];
  },
});
