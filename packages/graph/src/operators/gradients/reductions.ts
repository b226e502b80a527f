import { int, intAttribute } from '../../ir/graph.js';
import type { Builder } from '../../builder/builder.js';
import type { GradientRule, RuleContext } from './rule.js';

/** The reduced value (or its gradient) with the reduced axes back as ones, so that it broadcasts against the input. */
function keepAxes({ node, builder }: Pick<RuleContext, 'node' | 'builder'>, value: string): string {
  const axes = node.inputs[1];
  if (intAttribute(node, 'keepdims', 1) === 1 || axes === undefined || axes === '') return value;
  return builder.emit('Unsqueeze', [value, axes]);
}

/** `value` repeated to the shape of `like`. */
function spread(builder: Builder, value: string, like: string): string {
  return builder.emit('Expand', [value, builder.emit('Shape', [like])]);
}

export const reduceSum: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  return [spread(builder, keepAxes(context, upstream[0] as string), node.inputs[0] as string)];
};

/** Each of the n averaged entries gets dy / n; n is read off the shapes at run time. */
export const reduceMean: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const count = builder.emit('Div', [
    builder.emit('Cast', [builder.emit('Size', [x])], { to: int(1) }),
    builder.emit('Cast', [builder.emit('Size', [y])], { to: int(1) }),
  ]);
  return [spread(builder, keepAxes(context, builder.emit('Div', [upstream[0] as string, count])), x)];
};

/** dx = dy · e^(x − y), the softmax. */
export const reduceLogSumExp: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const weights = builder.emit('Exp', [builder.emit('Sub', [x, keepAxes(context, y)])]);
  return [builder.emit('Mul', [weights, keepAxes(context, upstream[0] as string)])];
};

/** dx = dy · x / ‖x‖ */
export const reduceL2: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  return [builder.emit('Mul', [x, keepAxes(context, builder.emit('Div', [upstream[0] as string, y]))])];
};

/** dx = dy · 2x */
export const reduceSumSquare: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  const twice = builder.emit('Mul', [node.inputs[0] as string, builder.scalar(2)]);
  return [builder.emit('Mul', [twice, keepAxes(context, upstream[0] as string)])];
};

/** The largest (or smallest) entries share the gradient evenly, as in PyTorch's amax. */
export const reduceExtreme: GradientRule = (context) => {
  const { node, builder, upstream } = context;
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const chosen = builder.emit('Cast', [builder.emit('Equal', [x, keepAxes(context, y)])], { to: int(1) });
  const axes = node.inputs[1];
  const ties = builder.emit('ReduceSum', axes === undefined ? [chosen] : [chosen, axes], {
    keepdims: int(1),
    noop_with_empty_axes: int(intAttribute(node, 'noop_with_empty_axes', 0)),
  });
  return [builder.emit('Mul', [chosen, builder.emit('Div', [keepAxes(context, upstream[0] as string), ties])])];
};
