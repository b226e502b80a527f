import { intAttribute, type Node } from '../ir/graph.js';
import { exactQuotient, productOf, sameDim, unknownDim, type Dim } from '../shapes/dim.js';
import { elementCount, toNumbers } from '../tensors/elements.js';
import type { AxisContext, Operator } from './operator.js';
import { inputAt, need, needElements, outputAt, shapeError, shapeText } from './support/arguments.js';
import { firstAlong, onnx } from './support/elementwise.js';
import { reshapeBack, sameData } from './support/movement.js';

export const reshape: Operator = {
  name: 'Reshape',
  text: onnx('Reshape', 14),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const keepsZero = intAttribute(node, 'allowzero', 0) === 0;
    const target = needElements(node, inputs, 1).map((size, axis) =>
      size === 0 && keepsZero ? (dims[axis] ?? 0) : size,
    );
    const result = target.map((size, axis) => (size === -1 ? restOf(node, dims, target, axis) : size));
    checkCount(node, dims, result, target);
    return [{ dtype, dims: result }];
  },
  evaluate: sameData,
  symbols: 'moves',
  gradient: reshapeBack,
  axes: (context) => (keepsAxis(context) ? firstAlong(context.node, context.axis) : undefined),
  rearranges: true,
  sharesMemory: true,
  isWorthKeeping: true,
};

/** What is left of the elements for the axis whose size is not given. */
function restOf(node: Node, dims: readonly Dim[], target: readonly Dim[], axis: number): Dim {
  // What stands on both sides is taken away first: what remains divides more often.
  const from = [...dims];
  const to = target.filter((size) => {
    const at = size === -1 ? -1 : from.findIndex((own) => sameDim(own, size));
    if (at !== -1) from.splice(at, 1);
    return size !== -1 && at === -1;
  });
  const [all, known] = [productOf(from), productOf(to)];
  const rest = exactQuotient(all, known);
  if (rest !== undefined) return rest;
  if (typeof all === 'number' && typeof known === 'number') {
    // Nothing in, nothing out.
    if (all === 0 && known === 0) return 0;
    throw shapeError(node, `${shapeText(dims)} to ${shapeText(target)}`, `${all} elements`);
  }
  return unknownDim(`axis ${axis} of ${node.outputs[0] ?? node.name}`);
}

function checkCount(node: Node, dims: readonly Dim[], result: readonly Dim[], target: readonly Dim[]): void {
  const isNumber = (dim: Dim): dim is number => typeof dim === 'number';
  if (!dims.every(isNumber) || !result.every(isNumber)) return;
  const total = elementCount(dims);
  if (elementCount(result) !== total)
    throw shapeError(node, `${shapeText(dims)} to ${shapeText(target)}`, `${total} elements`);
}

/**
 * Whether the axis stays where it is, whatever its size: the axes in front are the same, and a constant target does not
 * name its size.
 */
function keepsAxis({ node, axis, dims, constant }: AxisContext): boolean {
  const [input, output] = [dims(inputAt(node, 0)), dims(outputAt(node, 0))];
  const target = constant(node.inputs[1]);
  if (input === undefined || output === undefined || target === undefined) return false;
  const size = toNumbers(target)[axis];
  return (
    (size === 0 || size === -1) &&
    intAttribute(node, 'allowzero', 0) === 0 &&
    output.slice(0, axis + 1).every((dim, i) => sameDim(dim, input[i]))
  );
}
