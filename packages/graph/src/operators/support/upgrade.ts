import { intsAttribute } from '../../ir/graph.js';
import { int64Tensor } from '../../tensors/elements.js';
import type { Operator } from '../operator.js';

/** Axes were an attribute before opset `since`; they are an input now. */
export const moveAxesToInput =
  (since: number): NonNullable<Operator['upgrade']> =>
  (node, { opset, constant }) => {
    const axes = opset < since ? intsAttribute(node, 'axes') : undefined;
    if (axes === undefined) return node;
    const { axes: _, ...attributes } = node.attributes;
    return {
      ...node,
      attributes,
      inputs: [node.inputs[0] ?? '', constant(`${node.outputs[0]}_axes`, int64Tensor(axes))],
    };
  };
