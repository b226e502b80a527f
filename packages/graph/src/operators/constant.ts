import { UnsupportedError } from '../errors.js';
import { valueOfTensor } from '../shapes/fact.js';
import type { Operator } from './operator.js';
import { onnx } from './support/elementwise.js';
import { constantValue } from '../ir/constant-node.js';

export const constant: Operator = {
  name: 'Constant',
  text: onnx('Constant', 13),
  infer(node) {
    const tensor = constantValue(node);
    if (tensor !== undefined) return [valueOfTensor(tensor)];
    throw new UnsupportedError(`Constant "${node.name}" holds no numbers`, {
      code: 'OPERATOR_CONSTANT',
      expected: 'a dense tensor',
    });
  },
};
