import { productOf } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { need } from './support/arguments.js';
import { onnx } from './support/elementwise.js';
import { factOfElements } from './support/elements.js';

export const size: Operator = {
  name: 'Size',
  text: onnx('Size', 13),
  infer: (node, inputs) => [factOfElements('int64', [], [productOf(need(node, inputs, 0).dims)])],
  gradient: 'none',
  readsShapeOnly: true,
};
