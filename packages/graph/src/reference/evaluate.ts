import { FormatError } from '../errors.js';
import type { Graph } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { DEFAULT_MAX_ELEMENTS, inferNode } from '../operators/registry.js';
import { valueOfTensor, type Value } from '../shapes/value.js';

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
    const read =
      elementCount(tensor.dims) <= maxElements ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    values.set(name, read);
    return read;
  };
  for (const node of graph.nodes) {
    const outputs = inferNode(node, node.inputs.map(lookUp), { maxElements });
    node.outputs.forEach((name, i) => {
      const output = outputs[i];
      if (name !== '' && output !== undefined) values.set(name, output);
    });
  }
  return values;
}
