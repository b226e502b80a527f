import { UnsupportedError } from '@hadamard-adapter/core';
import { operatorName, type Node } from '@hadamard-adapter/graph/internal';
import { ELEMENTWISE } from './elementwise.js';
import { INDEXING } from './indexing.js';
import { MOVEMENT } from './movement.js';
import { NORMALIZATION } from './normalization.js';
import type { DeviceOperator } from './operator.js';
import { PRODUCTS } from './products.js';
import { QUANTIZATION } from './quantize.js';

/**
 * Every operator that runs on the device, by `operatorName`. What follows from shapes and token ids is computed before
 * it gets there.
 */
export const DEVICE_OPERATORS: ReadonlyMap<string, DeviceOperator> = new Map(
  Object.entries({ ...ELEMENTWISE, ...INDEXING, ...MOVEMENT, ...NORMALIZATION, ...PRODUCTS, ...QUANTIZATION }),
);

/** @throws UnsupportedError OPERATOR_TFJS. */
export function operatorFor(node: Node): DeviceOperator {
  const operator = DEVICE_OPERATORS.get(operatorName(node));
  if (operator !== undefined) return operator;
  throw new UnsupportedError(`TensorFlow.js cannot run ${operatorName(node)} "${node.name}"`, {
    code: 'OPERATOR_TFJS',
    found: `inputs ${node.inputs.join(', ')}, computed from weights`,
    expected: [...DEVICE_OPERATORS.keys()].join(', '),
    hint: 'ONNX Runtime (@hadamard-adapter/onnxruntime) runs this model.',
  });
}
