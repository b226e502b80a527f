import { intAttribute } from '../ir/graph.js';
import type { Operator } from './operator.js';
import { need } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { factOfElements } from './support/elements.js';

/** Answers from the shape alone, so it is known even when the data is not. */
export const shape: Operator = {
  name: 'Shape',
  text: onnx('Shape', 15),
  infer(node, inputs) {
    const { dims } = need(node, inputs, 0);
    const part = dims.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', dims.length));
    return [factOfElements('int64', [part.length], part)];
  },
  gradient: 'none',
  readsShapeOnly: true,
};
