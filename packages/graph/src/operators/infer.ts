import { UnsupportedError } from '../errors.js';
import type { Graph, Node } from '../ir/graph.js';
import { operatorName } from '../ir/graph.js';
import { buildOn, type Builder, type BuildOptions } from '../builder/builder.js';
import { Facts } from '../builder/facts.js';
import { unknownDim, whyUnknown, type Dim } from '../shapes/dim.js';
import { elementsOf, isEvaluated, isSized, type Evaluated, type Fact, type Value } from '../shapes/fact.js';
import { elementCount } from '../tensors/elements.js';
import { OPERATORS } from './operators.js';
import type { Inputs, Operator } from './operator.js';
import { factOfElements } from './support/elements.js';
import { broadcastIndex } from './support/strides.js';

/** Data beyond this many elements is not computed unless asked for. */
export const DEFAULT_MAX_ELEMENTS = 65_536;

/** Shapes have a few numbers; what has more is no shape. */
const MAX_SYMBOLS = 64;

/**
 * Outputs of one node: types and shapes, data where all inputs have data and the outputs are small enough, and elements
 * that follow from dimensions.
 *
 * @throws UnsupportedError OPERATOR_UNKNOWN, OPERATOR_DYNAMIC_SHAPE; FormatError OPERATOR_SHAPE, OPERATOR_INPUT.
 */
export function inferNode(
  node: Node,
  inputs: Inputs,
  { maxElements = DEFAULT_MAX_ELEMENTS }: { readonly maxElements?: number } = {},
): Fact[] {
  const operator = OPERATORS.get(operatorName(node));
  if (operator?.infer === undefined) {
    throw new UnsupportedError(`The operator ${operatorName(node)} is not known`, {
      code: 'OPERATOR_UNKNOWN',
      found: `node "${node.name}"`,
      hint: 'Export the model with another exporter or opset, or add the operator to packages/graph/src/operators.',
    });
  }
  const outputs = operator.infer(node, inputs);
  if (outputs.every(({ data, symbols }) => data !== undefined || symbols !== undefined)) return outputs;
  return evaluated(operator, node, inputs, outputs, maxElements) ?? withSymbols(operator, node, inputs, outputs);
}

function evaluated(
  { evaluate }: Operator,
  node: Node,
  inputs: Inputs,
  outputs: readonly Fact[],
  maxElements: number,
): Fact[] | undefined {
  if (evaluate === undefined || !outputs.every(isSized)) return undefined;
  if (outputs.some(({ dims }) => elementCount(dims) > maxElements)) return undefined;
  const values: (Evaluated | undefined)[] = [];
  for (const [i, input] of inputs.entries()) {
    if (input === undefined && (node.inputs[i] ?? '') === '') values.push(undefined);
    else if (isEvaluated(input)) values.push(input);
    else return undefined;
  }
  const data = evaluate(node, values, outputs);
  return outputs.map((output, i) => withData(output, data[i]));
}

const withData = (value: Value, data: Float64Array | undefined): Value =>
  data === undefined ? value : { ...value, data };

/** The outputs with elements that follow from dimensions, as exporters compute the targets of their reshapes. */
function withSymbols(operator: Operator, node: Node, inputs: Inputs, outputs: readonly Fact[]): Fact[] {
  const { symbols } = operator;
  const [output] = outputs;
  const plain = [...outputs];
  if (symbols === undefined || output === undefined || !isSized(output) || elementCount(output.dims) > MAX_SYMBOLS)
    return plain;
  if (typeof symbols !== 'function') return moved(operator, node, inputs, outputs) ?? plain;
  const operands: { elements: readonly Dim[]; index: Int32Array }[] = [];
  for (const input of inputs) {
    const elements = input === undefined || !isSized(input) ? undefined : elementsOf(input);
    if (input === undefined || !isSized(input) || elements === undefined || elements.length > MAX_SYMBOLS) return plain;
    operands.push({ elements, index: broadcastIndex(input.dims, output.dims) });
  }
  const results = Array.from({ length: elementCount(output.dims) }, (_, i) =>
    symbols(...operands.map(({ elements, index }) => elements[index[i] ?? 0] ?? 0)),
  );
  return [withElements(output, results, node, 0), ...plain.slice(1)];
}

/** Elements that are only put elsewhere: the operator is evaluated on their places. */
function moved(
  { symbols, evaluate }: Operator,
  node: Node,
  inputs: Inputs,
  outputs: readonly Fact[],
): Fact[] | undefined {
  if (evaluate === undefined || !outputs.every(isSized) || outputs.some(({ dtype }) => dtype === 'bool'))
    return undefined;
  const pool: Dim[] = [];
  const values: (Evaluated | undefined)[] = [];
  for (const [i, input] of inputs.entries()) {
    const isMoved = i === 0 || symbols === 'moves all';
    const elements = input === undefined || !isMoved ? undefined : elementsOf(input);
    if (input !== undefined && isSized(input) && elements !== undefined && elements.length <= MAX_SYMBOLS) {
      values.push({ ...input, data: Float64Array.from(elements, (_, at) => pool.length + at) });
      pool.push(...elements);
    } else if (input === undefined || (!isMoved && isEvaluated(input))) values.push(input);
    else return undefined;
  }
  const places = evaluate(node, values, outputs);
  return outputs.map((output, i) =>
    withElements(
      output,
      Array.from(places[i] ?? [], (at) => pool[at] ?? 0),
      node,
      i,
    ),
  );
}

function withElements({ dtype, dims }: Fact, elements: readonly Dim[], node: Node, output: number): Fact {
  const named = elements.map((element, i) => {
    const why = whyUnknown(element);
    return why === undefined ? element : unknownDim(`${why}: element ${i} of ${node.outputs[output] ?? node.name}`);
  });
  return factOfElements(dtype, dims, named);
}

const known = new WeakMap<Graph, Facts>();

/** What is known of every value of a graph, remembered by graph: graphs never change. */
export function factsOf(graph: Graph): Facts {
  const facts = known.get(graph) ?? new Facts(graph, inferNode);
  known.set(graph, facts);
  return facts;
}

/** A builder that adds to a graph, or writes its nodes anew, see `buildOn`. */
export const builderOn = (graph: Graph, options?: BuildOptions): Builder => buildOn(graph, inferNode, options);
