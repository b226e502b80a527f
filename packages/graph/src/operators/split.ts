import { int, intAttribute, intsAttribute, type Node } from '../ir/graph.js';
import { addDims, multiplyDims, floorQuotient, subtractDims, type Dim } from '../shapes/dim.js';
import { int64Tensor } from '../tensors/elements.js';
import type { Inputs, Operator, UpgradeContext } from './operator.js';
import { axisOf, isPresent, need, needValue, optionalElements } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { pickAll, stridedIndex, stridesOf } from './support/strides.js';
import { zerosLike } from './support/placing.js';

/** In its gradient the parts stand side by side again, with zeros for those that nothing depends on. */
export const split: Operator = {
  name: 'Split',
  text: onnx('Split', 18),
  infer(node, inputs) {
    const { dtype, dims } = need(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const sizes = sizesOf(node, inputs, dims[axis] ?? 0);
    return sizes.map((size) => ({ dtype, dims: dims.map((own, i) => (i === axis ? size : own)) }));
  },
  evaluate(node, inputs, outputs) {
    const { dims, data } = needValue(node, inputs, 0);
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const strides = stridesOf(dims);
    let start = 0;
    return outputs.map((output) => {
      const index = stridedIndex(output.dims, strides, start * (strides[axis] ?? 0));
      start += output.dims[axis] ?? 0;
      return pickAll(data, index);
    });
  },
  symbols: 'moves',
  gradient({ node, builder, upstream }) {
    const parts = node.outputs.map((output, i) => upstream[i] ?? zerosLike(builder, output));
    return [builder.emit('Concat', parts, { axis: int(intAttribute(node, 'axis', 0)) })];
  },
  upgrade,
};

function sizesOf(node: Node, inputs: Inputs, size: Dim): readonly Dim[] {
  const given = optionalElements(node, inputs, 1) ?? intsAttribute(node, 'split');
  if (given !== undefined) return given;
  const count = node.outputs.length;
  // Rounded up, so that the last one is the smaller.
  const even = floorQuotient(addDims(size, count - 1), count);
  return Array.from({ length: count }, (_, i) =>
    i < count - 1 ? even : subtractDims(size, multiplyDims(even, count - 1)),
  );
}

/** Sizes were an attribute before opset 13; their number is one since 18. */
function upgrade(node: Node, { opset, constant }: UpgradeContext): Node {
  const sizes = opset < 13 ? intsAttribute(node, 'split') : undefined;
  const { split: _, ...attributes } = node.attributes;
  if (sizes !== undefined)
    return {
      ...node,
      attributes,
      inputs: [node.inputs[0] ?? '', constant(`${node.outputs[0]}_split`, int64Tensor(sizes))],
    };
  return isPresent(node.inputs[1])
    ? node
    : { ...node, attributes: { ...attributes, num_outputs: int(node.outputs.length) } };
}
