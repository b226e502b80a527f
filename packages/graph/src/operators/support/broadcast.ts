import type { Node } from '../../ir/graph.js';
import { isSmallestAmong, sameDim, unknownDim, type Dim } from '../../shapes/dim.js';
import { shapeError, shapeText } from './arguments.js';

/**
 * The shape that `shapes` broadcast to, by numpy's rules. Two dimensions that are not seen to be equal have to be so
 * when the graph runs: of a length and the smaller one of it and the size of a table, it is the length.
 *
 * @throws FormatError OPERATOR_SHAPE when two are different numbers, none of them 1.
 */
export function broadcastDims(node: Node, shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size: Dim = 1;
    for (const dims of shapes) {
      const own = dims[axis - rank + dims.length] ?? 1;
      if (own === 1 || sameDim(own, size)) continue;
      size = size === 1 ? own : together(node, size, own, axis, shapes);
    }
    return size;
  });
}

function together(node: Node, left: Dim, right: Dim, axis: number, shapes: readonly (readonly Dim[])[]): Dim {
  if (typeof left === 'number' && typeof right === 'number')
    throw shapeError(node, shapes.map(shapeText).join(' and '), 'shapes that broadcast');
  // A number that is not 1 is what the other one has to be as well.
  if (typeof left === 'number') return left;
  if (typeof right === 'number') return right;
  if (isSmallestAmong(left, right)) return right;
  if (isSmallestAmong(right, left)) return left;
  return unknownDim(`axis ${axis} of ${node.outputs[0] ?? node.op}`);
}
