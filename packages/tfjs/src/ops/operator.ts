import { UnsupportedError } from '@hadamard-adapter/core';
import { operatorName, type Node, type Value } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Operand } from '../graph/operand.js';
import type { Tf } from '../tf.js';

/** One node, with its operands and the types and shapes of its results. */
export interface Call {
  readonly tf: Tf;
  readonly node: Node;
  readonly operands: readonly (Operand | undefined)[];
  readonly outputs: readonly Value[];
}

/** Computes a node on the device; the gradient is TensorFlow.js's own. */
export type DeviceOperator = (call: Call) => Tensor | Tensor[];

/** The operand at `index` as a tensor; its shape and type are those of the graph. */
export function tensorOf({ operands, node }: Call, index: number): Tensor {
  const operand = operands[index];
  if (operand !== undefined) return operand.tensor();
  throw new UnsupportedError(`${operatorName(node)} "${node.name}" lacks input ${index}`, { code: 'OPERATOR_INPUT' });
}

export const isGiven = ({ operands }: Call, index: number): boolean => operands[index] !== undefined;

/** Numbers of an operand that follow from shapes and token ids. */
export function numbersOf({ operands, node }: Call, index: number): Float64Array {
  const data = operands[index]?.value.data;
  if (data !== undefined) return data;
  throw new UnsupportedError(`${operatorName(node)} "${node.name}" depends on what the device computes`, {
    code: 'OPERATOR_DYNAMIC',
    found: `input "${node.inputs[index]}" as a computed value`,
    expected: 'something that follows from shapes, constants and token ids',
    hint: 'ONNX Runtime (@hadamard-adapter/onnxruntime) runs it.',
  });
}

export const dimsOf = ({ outputs }: Call): number[] => [...(outputs[0]?.dims ?? [])];
export const valuesOf = ({ operands }: Call): (Value | undefined)[] => operands.map((operand) => operand?.value);
