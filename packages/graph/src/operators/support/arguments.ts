import { FormatError, UnsupportedError } from '../../errors.js';
import { operatorName, type Node } from '../../ir/graph.js';
import { dimText, type Dim } from '../../shapes/dim.js';
import { elementsOf, type Evaluated, type Fact } from '../../shapes/fact.js';
import type { EvaluatedInputs, Inputs } from '../operator.js';

export const isPresent = (value: string | undefined): value is string => value !== undefined && value !== '';

/** The input at `index`, which the operator cannot do without. */
export function need(node: Node, inputs: Inputs, index: number): Fact {
  const value = inputs[index];
  if (value !== undefined) return value;
  throw new FormatError(`${operatorName(node)} "${node.name}" lacks input ${index}`, {
    code: 'OPERATOR_INPUT',
    found: `${node.inputs.length} inputs`,
  });
}

/** The same of inputs that have their elements. */
export function needValue(node: Node, inputs: EvaluatedInputs, index: number): Evaluated {
  const value = inputs[index];
  return value ?? (need(node, inputs, index) as Evaluated);
}

/** Name of the input at `index`, which the operator cannot do without. */
export function inputAt(node: Node, index: number): string {
  const name = node.inputs[index];
  if (isPresent(name)) return name;
  throw new FormatError(`${operatorName(node)} "${node.name}" lacks input ${index}`, {
    code: 'OPERATOR_INPUT',
    found: `${node.inputs.length} inputs`,
  });
}

/** Name of an optional input; undefined when it is absent. */
export function optionalInput(node: Node, index: number): string | undefined {
  const name = node.inputs[index];
  return isPresent(name) ? name : undefined;
}

/** Name of the output at `index`, which a rule cannot do without. */
export function outputAt(node: Node, index: number): string {
  const name = node.outputs[index];
  if (isPresent(name)) return name;
  throw new FormatError(`${operatorName(node)} "${node.name}" lacks output ${index}`, {
    code: 'OPERATOR_INPUT',
    found: `${node.outputs.length} outputs`,
  });
}

/** Numbers of an input that shapes depend on. */
export function needData(node: Node, inputs: Inputs, index: number): Float64Array {
  const { data } = need(node, inputs, index);
  if (data !== undefined) return data;
  throw dynamicShape(node, index);
}

/** Numbers of an optional input; undefined when the input is absent. */
export function optionalData(node: Node, inputs: Inputs, index: number): Float64Array | undefined {
  return inputs[index] === undefined ? undefined : needData(node, inputs, index);
}

/** Elements of an input that shapes depend on: numbers, or dimensions that are decided when the graph runs. */
export function needElements(node: Node, inputs: Inputs, index: number): readonly Dim[] {
  const elements = elementsOf(need(node, inputs, index));
  if (elements !== undefined) return elements;
  throw dynamicShape(node, index);
}

export function optionalElements(node: Node, inputs: Inputs, index: number): readonly Dim[] | undefined {
  return inputs[index] === undefined ? undefined : needElements(node, inputs, index);
}

export function dynamicShape(node: Node, index: number): UnsupportedError {
  return new UnsupportedError(`The shape of ${operatorName(node)} "${node.name}" depends on computed data`, {
    code: 'OPERATOR_DYNAMIC_SHAPE',
    found: `input "${node.inputs[index]}" is not known before the graph runs`,
    expected: 'a constant, or something computed from shapes',
  });
}

export function shapeError(node: Node, found: string, expected: string): FormatError {
  return new FormatError(`The shapes of ${operatorName(node)} "${node.name}" do not fit`, {
    code: 'OPERATOR_SHAPE',
    found,
    expected,
  });
}

export const shapeText = (dims: readonly Dim[]): string => `[${dims.map(dimText).join(', ')}]`;

/** `axis` counted from the front. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(positive) && positive >= 0 && positive < Math.max(rank, 1)) return positive;
  throw shapeError(node, `axis ${axis}`, `an axis of ${rank} dimensions`);
}
