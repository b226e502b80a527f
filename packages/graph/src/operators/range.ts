import { FormatError } from '../errors.js';
import { addDims, floorQuotient, largestOf, multiplyDims, subtractDims, unknownDim } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { need, needElements, needValue } from './support/arguments.js';
import { onnx } from './support/elementwise.js';

/** Longest range that is worth spelling out; a hostile limit must not fill the memory. */
const MAX_RANGE = 2 ** 24;

export const range: Operator = {
  name: 'Range',
  text: onnx('Range', 11),
  infer(node, inputs) {
    const { dtype } = need(node, inputs, 0);
    const [start = 0, limit = 0, delta = 0] = [0, 1, 2].map((i) => needElements(node, inputs, i)[0]);
    if (typeof delta !== 'number')
      return [{ dtype, dims: [unknownDim(`the length of ${node.outputs[0] ?? node.name}`)] }];
    const length = subtractDims(limit, start);
    if (typeof length !== 'number') {
      // ⌈length / delta⌉, delta being a whole number.
      const rounded = delta > 0 ? addDims(length, delta - 1) : addDims(multiplyDims(length, -1), -delta - 1);
      return [{ dtype, dims: [largestOf(floorQuotient(rounded, Math.abs(delta)), 0)] }];
    }
    const count = Math.max(Math.ceil(length / delta), 0);
    if (!(count <= MAX_RANGE))
      throw new FormatError(`Range "${node.name}" is too long`, { code: 'OPERATOR_RANGE', found: `${count} numbers` });
    return [{ dtype, dims: [count] }];
  },
  evaluate(node, inputs, [y]) {
    const [start = 0, delta = 0] = [needValue(node, inputs, 0).data[0], needValue(node, inputs, 2).data[0]];
    return [Float64Array.from({ length: y?.dims[0] ?? 0 }, (_, i) => start + i * delta)];
  },
};
