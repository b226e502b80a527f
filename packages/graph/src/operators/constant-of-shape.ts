import type { Node } from '../ir/graph.js';
import { elementCount, toNumbers } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { needElements } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import type { Tensor } from '../tensors/tensor.js';

export const constantOfShape: Operator = {
  name: 'ConstantOfShape',
  text: onnx('ConstantOfShape', 9),
  infer: (node, inputs) => [{ dtype: valueOf(node)?.dtype ?? 'float32', dims: needElements(node, inputs, 0) }],
  evaluate(node, _, [y]) {
    const value = valueOf(node);
    return [new Float64Array(elementCount(y?.dims ?? [])).fill(value === undefined ? 0 : (toNumbers(value)[0] ?? 0))];
  },
  symbols: 'moves',
};

function valueOf({ attributes: { value } }: Node): Tensor | undefined {
  return value?.type === 'tensor' ? value.value : undefined;
}
