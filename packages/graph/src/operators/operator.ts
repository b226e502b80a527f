import { FormatError, UnsupportedError } from '../errors.js';
import { operatorName, type Node } from '../ir/graph.js';
import type { Value } from '../shapes/value.js';

export type Inputs = readonly (Value | undefined)[];

/** Shape inference and float64 reference arithmetic of one operator. */
export interface Operator {
  /** Types and shapes of the outputs. May read the data of inputs (the target of Reshape). */
  shape(node: Node, inputs: Inputs): Value[];
  /** Data of the outputs when all inputs have data; `outputs` come from `shape`. Absent: only shapes are known. */
  compute?(node: Node, inputs: readonly Value[], outputs: readonly Value[]): Float64Array[];
}

/** The input at `index`, which the operator cannot do without. */
export function need(node: Node, inputs: Inputs, index: number): Value {
  const value = inputs[index];
  if (value !== undefined) return value;
  throw new FormatError(`${operatorName(node)} "${node.name}" lacks input ${index}`, {
    code: 'OPERATOR_INPUT',
    found: `${node.inputs.length} inputs`,
  });
}

/** Data of an input that shapes depend on. */
export function needData(node: Node, inputs: Inputs, index: number): Float64Array {
  const { data } = need(node, inputs, index);
  if (data !== undefined) return data;
  throw new UnsupportedError(`The shape of ${operatorName(node)} "${node.name}" depends on computed data`, {
    code: 'OPERATOR_DYNAMIC_SHAPE',
    found: `input "${node.inputs[index]}" is not known before the graph runs`,
    expected: 'a constant, or something computed from shapes and token ids',
  });
}

/** Data of an optional input; undefined when the input is absent. */
export function optionalData(node: Node, inputs: Inputs, index: number): Float64Array | undefined {
  return inputs[index] === undefined ? undefined : needData(node, inputs, index);
}

export function shapeError(node: Node, found: string, expected: string): FormatError {
  return new FormatError(`The shapes of ${operatorName(node)} "${node.name}" do not fit`, {
    code: 'OPERATOR_SHAPE',
    found,
    expected,
  });
}

/** `axis` counted from the front. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(positive) && positive >= 0 && positive < Math.max(rank, 1)) return positive;
  throw shapeError(node, `axis ${axis}`, `an axis of ${rank} dimensions`);
}
