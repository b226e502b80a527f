import { FormatError, UnsupportedError } from '../errors.js';
import { operatorName, type Graph, type Node } from '../ir/graph.js';
import { DEFAULT_MAX_ELEMENTS, inferNode } from '../operators/infer.js';
import { isSized, valueOfTensor, type Fact, type Value } from '../shapes/fact.js';
import { elementCount } from '../tensors/elements.js';

export interface EvaluateOptions {
  /**
   * Compute data up to this many elements per value; `Infinity` evaluates everything in float64, the reference that
   * runtimes are judged by.
   */
  readonly maxElements?: number;
}

/**
 * Evaluate a graph: the shape of every value, and the data of those that follow from the feeds' data within the limit.
 * A feed without data carries its shape through.
 *
 * @throws FormatError GRAPH_FEED for an input that is not fed.
 */
export function evaluate(
  graph: Graph,
  feeds: ReadonlyMap<string, Value> | Readonly<Record<string, Value>>,
  { maxElements = DEFAULT_MAX_ELEMENTS }: EvaluateOptions = {},
): Map<string, Value> {
  const values = new Map<string, Value>(feeds instanceof Map ? feeds : Object.entries(feeds));
  for (const { name } of graph.inputs) {
    if (!values.has(name)) throw new FormatError(`The input "${name}" is not fed`, { code: 'GRAPH_FEED' });
  }
  const lookUp = (name: string): Value | undefined => {
    if (name === '') return undefined;
    const value = values.get(name);
    if (value !== undefined) return value;
    const tensor = graph.tensors.get(name);
    if (tensor === undefined)
      throw new FormatError(`Nothing produces the value "${name}"`, { code: 'GRAPH_VALUE_UNKNOWN' });
    const isSmall = elementCount(tensor.dims) <= maxElements;
    const read = isSmall ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    values.set(name, read);
    return read;
  };
  for (const node of graph.nodes) {
    const outputs = evaluateNode(node, node.inputs.map(lookUp), { maxElements });
    for (const [i, name] of node.outputs.entries()) {
      const output = outputs[i];
      if (name !== '' && output !== undefined) values.set(name, output);
    }
  }
  return values;
}

/**
 * Outputs of one node on values of known size: the shape of each, and its data where all inputs have data.
 *
 * @throws as `inferNode`; UnsupportedError OPERATOR_DYNAMIC_SHAPE when a size does not follow from those of the inputs.
 */
export function evaluateNode(
  node: Node,
  inputs: readonly (Value | undefined)[],
  options?: EvaluateOptions,
): readonly Value[] {
  const outputs: readonly Fact[] = inferNode(node, inputs, options);
  if (outputs.every(isSized)) return outputs;
  throw new UnsupportedError(`The shape of ${operatorName(node)} "${node.name}" depends on computed data`, {
    code: 'OPERATOR_DYNAMIC_SHAPE',
    found: 'a size that is not known before the graph runs',
    expected: 'sizes that follow from those of the inputs',
  });
}
