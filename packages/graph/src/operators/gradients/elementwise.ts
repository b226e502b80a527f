import { UnsupportedError } from '../../errors.js';
import { stringAttribute } from '../../ir/graph.js';
import { normalDistribution } from './normal.js';
import { unbroadcast } from './broadcast.js';
import type { GradientRule, RuleContext } from './rule.js';

/** dx = dy · f′(x), where `derivative` may use the input x and the output y. */
const unary =
  (derivative: (context: RuleContext, x: string, y: string) => string): GradientRule =>
  (context) => {
    const { node, builder, upstream } = context;
    const [x, y, dy] = [node.inputs[0] as string, node.outputs[0] as string, upstream[0] as string];
    return [builder.emit('Mul', [dy, derivative(context, x, y)])];
  };

/** Gradients of both operands of a broadcasting operator, summed back to their shapes. */
const binary =
  (
    left: (context: RuleContext, dy: string) => string,
    right: (context: RuleContext, dy: string) => string,
  ): GradientRule =>
  (context) =>
    [left, right].map((gradient, i) => {
      if (!context.wants(i)) return undefined;
      return unbroadcast(
        context.builder,
        gradient(context, context.upstream[0] as string),
        context.node.inputs[i] as string,
      );
    });

const input = ({ node }: RuleContext, i: number): string => node.inputs[i] as string;

export const add = binary(
  (_, dy) => dy,
  (_, dy) => dy,
);

export const subtract = binary(
  (_, dy) => dy,
  ({ builder }, dy) => builder.emit('Neg', [dy]),
);

export const multiply = binary(
  (context, dy) => context.builder.emit('Mul', [dy, input(context, 1)]),
  (context, dy) => context.builder.emit('Mul', [dy, input(context, 0)]),
);

/** d(a/b) = da/b − db·(a/b)/b */
export const divide = binary(
  (context, dy) => context.builder.emit('Div', [dy, input(context, 1)]),
  (context, dy) => {
    const { builder, node } = context;
    const ratio = builder.emit('Div', [node.outputs[0] as string, input(context, 1)]);
    return builder.emit('Neg', [builder.emit('Mul', [dy, ratio])]);
  },
);

/** Only the base: exponents are constants in every network this project knows. */
export const power: GradientRule = (context) => {
  const { builder, node, upstream } = context;
  if (context.wants(1)) {
    throw new UnsupportedError(`Pow "${node.name}" is asked for the gradient of its exponent`, {
      code: 'GRADIENT_POW_EXPONENT',
      expected: 'a constant exponent',
    });
  }
  const [x, exponent] = node.inputs as [string, string];
  const lower = builder.emit('Pow', [x, builder.emit('Sub', [exponent, builder.scalar(1)])]);
  const slope = builder.emit('Mul', [exponent, lower]);
  return [unbroadcast(builder, builder.emit('Mul', [upstream[0] as string, slope]), x)];
};

export const negate: GradientRule = ({ builder, upstream }) => [builder.emit('Neg', [upstream[0] as string])];

export const exponential = unary((_, __, y) => y);

export const logarithm: GradientRule = ({ builder, node, upstream }) => [
  builder.emit('Div', [upstream[0] as string, node.inputs[0] as string]),
];

export const squareRoot: GradientRule = ({ builder, node, upstream }) => [
  builder.emit('Div', [builder.emit('Mul', [upstream[0] as string, builder.scalar(0.5)]), node.outputs[0] as string]),
];

/** d(1/x) = −dx · y² */
export const reciprocal = unary(({ builder }, _, y) => builder.emit('Neg', [builder.emit('Mul', [y, y])]));

/** 1 − tanh² */
export const tanh = unary(({ builder }, _, y) => builder.emit('Sub', [builder.scalar(1), builder.emit('Mul', [y, y])]));

/** σ · (1 − σ) */
export const sigmoid = unary(({ builder }, _, y) =>
  builder.emit('Mul', [y, builder.emit('Sub', [builder.scalar(1), y])]),
);

/** The derivative of log(1 + eˣ) is σ. */
export const softplus = unary(({ builder }, x) => builder.emit('Sigmoid', [x]));

/** 2/√π · e^(−x²) */
export const errorFunction = unary(({ builder }, x) => {
  const bell = builder.emit('Exp', [builder.emit('Neg', [builder.emit('Mul', [x, x])])]);
  return builder.emit('Mul', [bell, builder.scalar(2 / Math.sqrt(Math.PI))]);
});

/** 1 where x > 0; 0 at 0, as PyTorch has it. */
export const relu: GradientRule = ({ builder, node, upstream }) => [
  builder.emit('Where', [
    builder.emit('Greater', [node.inputs[0] as string, builder.scalar(0)]),
    upstream[0] as string,
    builder.scalar(0),
  ]),
];

export const absolute: GradientRule = ({ builder, node, upstream }) => [
  builder.emit('Mul', [upstream[0] as string, builder.emit('Sign', [node.inputs[0] as string])]),
];

export const sine = unary(({ builder }, x) => builder.emit('Cos', [x]));

export const cosine = unary(({ builder }, x) => builder.emit('Neg', [builder.emit('Sin', [x])]));

/** The gradient passes to the operand that was chosen; where two are equal, to the first of them. */
const chosen =
  (isChosen: 'GreaterOrEqual' | 'LessOrEqual'): GradientRule =>
  (context) => {
    const { builder, node, upstream } = context;
    const y = node.outputs[0] as string;
    let left = upstream[0] as string;
    return node.inputs.map((x) => {
      const own = builder.emit(isChosen, [x, y]);
      const passed = builder.emit('Where', [own, left, builder.scalar(0)]);
      left = builder.emit('Where', [own, builder.scalar(0), left]);
      return unbroadcast(builder, passed, x);
    });
  };

export const maximum = chosen('GreaterOrEqual');
export const minimum = chosen('LessOrEqual');

/**
 * The gradient passes where the value was inside its bounds, the bounds included, as PyTorch has it; bounds are
 * constants.
 */
export const clip: GradientRule = ({ builder, node, upstream }) => {
  const [x, low, high] = node.inputs as [string, string | undefined, string | undefined];
  let gradient = upstream[0] as string;
  const zero = builder.scalar(0);
  if (low !== undefined && low !== '')
    gradient = builder.emit('Where', [builder.emit('Less', [x, low]), zero, gradient]);
  if (high !== undefined && high !== '')
    gradient = builder.emit('Where', [builder.emit('Greater', [x, high]), zero, gradient]);
  return [gradient, undefined, undefined];
};

/** Each operand of a sum of any number of them. */
export const sum: GradientRule = ({ builder, node, upstream, wants }) =>
  node.inputs.map((x, i) => (wants(i) ? unbroadcast(builder, upstream[0] as string, x) : undefined));

/** The gradient passes where the condition chose the operand. */
export const where: GradientRule = (context) => {
  const { builder, node, upstream } = context;
  const [condition, whenTrue, whenFalse] = node.inputs as [string, string, string];
  const [dy, zero] = [upstream[0] as string, builder.scalar(0)];
  return [
    undefined,
    context.wants(1) ? unbroadcast(builder, builder.emit('Where', [condition, dy, zero]), whenTrue) : undefined,
    context.wants(2) ? unbroadcast(builder, builder.emit('Where', [condition, zero, dy]), whenFalse) : undefined,
  ];
};

/**
 * Between float types a cast is the identity; its gradient is cast back by the forward types alone, which are all
 * float32 here.
 */
export const passThrough: GradientRule = ({ upstream }) => [upstream[0]];

/**
 * GELU. erf form: Φ(x) + x·φ(x). tanh form, with u = √(2/π)(x + 0.044715 x³) and t = tanh u: ½(1 + t) + ½x(1 − t²)u′.
 */
export const gelu = unary((context, x) => {
  const { builder, node } = context;
  return stringAttribute(node, 'approximate', 'none') === 'tanh' ? tanhGeluSlope(context, x) : erfGeluSlope(builder, x);
});

/**
 * With u = x/√2: Φ = ½(1 + erf u) and x·φ(x) = u·e^(−u²)/√π; the factor goes into the exponent. Each operator passes
 * over the widest values of the model, so there are as few as can be.
 */
function erfGeluSlope(builder: RuleContext['builder'], x: string): string {
  const { scaled, distribution } = normalDistribution(builder, x);
  const bell = builder.emit('Exp', [
    builder.emit('Sub', [builder.scalar(-Math.log(Math.PI) / 2), builder.emit('Mul', [scaled, scaled])]),
  ]);
  return builder.emit('Add', [builder.emit('Mul', [scaled, bell]), distribution]);
}

function tanhGeluSlope({ builder }: RuleContext, x: string): string {
  const scalar = (value: number): string => builder.scalar(value);
  const factor = Math.sqrt(2 / Math.PI);
  const square = builder.emit('Mul', [x, x]);
  const inner = builder.emit('Mul', [
    x,
    builder.emit('Add', [builder.emit('Mul', [square, scalar(factor * 0.044715)]), scalar(factor)]),
  ]);
  const t = builder.emit('Tanh', [inner]);
  const innerSlope = builder.emit('Add', [
    builder.emit('Mul', [square, scalar(3 * factor * 0.044715)]),
    scalar(factor),
  ]);
  const bend = builder.emit('Mul', [
    builder.emit('Mul', [x, innerSlope]),
    builder.emit('Sub', [scalar(1), builder.emit('Mul', [t, t])]),
  ]);
  return builder.emit('Mul', [builder.emit('Add', [builder.emit('Add', [t, bend]), scalar(1)]), scalar(0.5)]);
}
