import { intsAttribute, type Node } from '../../ir/graph.js';
import type { Fact } from '../../shapes/fact.js';
import type { GradientRule, Inputs, Operator } from '../operator.js';
import { axisOf, inputAt, needData, needValue } from './arguments.js';
import { gradientOf } from './elementwise.js';
import type { Builder } from '../../builder/builder.js';

/** The data as it is, under another shape. */
export const sameData: NonNullable<Operator['evaluate']> = (node, inputs) => [needValue(node, inputs, 0).data];

/**
 * Axes from the input (opset 13) or the attribute (before), counted from the front; undefined where neither is there.
 */
export function axesOf(node: Node, inputs: Inputs, rank: number): number[] | undefined {
  const axes = inputs[1] === undefined ? intsAttribute(node, 'axes') : [...needData(node, inputs, 1)];
  return axes?.map((axis) => axisOf(node, axis, rank));
}

/** How many axes there are, in the input or the attribute. */
export const axisCount = (node: Node, inputs: Inputs): number =>
  inputs[1] === undefined ? (intsAttribute(node, 'axes')?.length ?? 0) : needData(node, inputs, 1).length;

/** Give the gradient the shape of the input: positions were only renamed. */
export const reshapeBack: GradientRule = (context) => [
  reshapeLike(context.builder, gradientOf(context), inputAt(context.node, 0)),
];

function reshapeLike(builder: Builder, gradient: string, like: string): string {
  return builder.emit('Reshape', [gradient, builder.emit('Shape', [like])]);
}

/** The type and dimensions of an input, as those of an output. */
export const like = ({ dtype, dims }: Fact): Fact => ({ dtype, dims });
