import {
  type Graph,
  type ValueInfo,
  isLinear,
  prune,
  reach,
  dimsOf,
  isBatch,
  isConstantDim,
  isSequence,
  probe,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/** A value at which training begins. */
export interface CutValue {
  readonly name: string;
  /** [batch, sequence, width] has one vector per token, [batch, 1, width] and [batch, width] one per example. */
  readonly dims: readonly ['batch', ...('sequence' | number)[]];
  readonly perToken: boolean;
  readonly width: number;
}

/** Values behind which training begins: everything in front of them can be computed once per example. */
export interface ActivationCut {
  readonly values: readonly CutValue[];
}

/**
 * Where training of `trained` may begin, the ways that save most first. The values at which it really does are those
 * that no trained parameter influences and that something influenced reads: with adapters on the context from layer k
 * on, the context and the input of layer k, so that its queries, keys, values and attention are kept too. The other way
 * is the last single value through which everything leads: the pooled vector for a classifier alone, the input of layer
 * k with adapters; it wants half the memory. None when training reaches down to the embeddings.
 */
export function activationCutsOf(
  graph: Graph,
  mask: string | undefined,
  trained: ReadonlySet<string>,
  output: string,
): ActivationCut[] {
  const shapes = probe(graph);
  const influenced = reach(graph.nodes, trained);
  const tokens = new Set(
    graph.inputs
      .filter(({ name, dtype }) => name !== mask && (dtype === 'int64' || dtype === 'int32'))
      .map(({ name }) => name),
  );
  const frozen = { graph, shapes, influenced, tokens, fromTokens: reach(graph.nodes, tokens) };
  const [boundary, single] = [boundaryOf(frozen), singleValue(frozen, output)];
  const same = boundary?.values.length === 1 && boundary.values[0]?.name === single?.values[0]?.name;
  return [...(boundary === undefined || same ? [] : [boundary]), ...(single === undefined ? [] : [single])];
}

interface Frozen {
  readonly graph: Graph;
  readonly shapes: Probe;
  /** Values that trained parameters influence. */
  readonly influenced: ReadonlySet<string>;
  /** Token inputs; the mask is not among them, since what follows from it is cheap. */
  readonly tokens: ReadonlySet<string>;
  readonly fromTokens: ReadonlySet<string>;
}

/** More values than the two of a layer, and perhaps the states of an encoder, are not worth their memory. */
const MAX_VALUES = 3;

function boundaryOf({ graph, shapes, influenced, fromTokens }: Frozen): ActivationCut | undefined {
  const names = new Set<string>();
  for (const { inputs, outputs } of graph.nodes) {
    if (!influenced.has(outputs[0] as string)) continue;
    for (const input of inputs) if (!influenced.has(input) && fromTokens.has(input)) names.add(input);
  }
  const values = Array.from(names, (name) => cutValue(shapes, name));
  return values.length > 0 && values.length <= MAX_VALUES && values.every((value) => value !== undefined)
    ? { values }
    : undefined;
}

function singleValue(
  { graph, shapes, influenced, tokens, fromTokens }: Frozen,
  output: string,
): ActivationCut | undefined {
  for (const node of graph.nodes.toReversed()) {
    const name = node.outputs[0] as string;
    if (influenced.has(name) || !fromTokens.has(name) || !WORTH_KEEPING.has(node.op)) continue;
    const value = cutValue(shapes, name);
    if (value !== undefined && !reach(graph.nodes, tokens, name).has(output)) return { values: [value] };
  }
  return undefined;
}

/** A float value with one vector for each token or each example. */
function cutValue(shapes: Probe, name: string): CutValue | undefined {
  const dims = dimsOf(shapes, name);
  const width = dims?.at(-1);
  if (
    dims === undefined ||
    width === undefined ||
    !isConstantDim(width) ||
    !isBatch(dims[0]) ||
    shapes[0].get(name)?.dtype !== 'float32'
  )
    return undefined;
  if (dims.length === 2) return { name, dims: ['batch', width[0]], perToken: false, width: width[0] };
  if (dims.length !== 3) return undefined;
  if (isSequence(dims[1])) return { name, dims: ['batch', 'sequence', width[0]], perToken: true, width: width[0] };
  return dims[1]?.[0] === 1 && dims[1][1] === 1
    ? { name, dims: ['batch', 1, width[0]], perToken: false, width: width[0] }
    : undefined;
}

/** Ends of expensive stretches. A reshape or an embedding look-up alone is not worth memory. */
const WORTH_KEEPING = new Set([
  'LayerNormalization',
  'RMSNormalization',
  'Add',
  'Reshape',
  'ReduceSum',
  'Tanh',
  'Div',
  'Linear',
  'QuantizedLinear',
]);

const asInfo = ({ name, dims }: CutValue): ValueInfo => ({ name, dtype: 'float32', dims });

/** The graph from the tokens to the cut, whose values become its only outputs. */
export function upToCut(graph: Graph, { values }: ActivationCut): Graph {
  return dropUnusedInputs(prune({ ...graph, outputs: values.map(asInfo) }));
}

/** The graph from the cut on, whose values become inputs. */
export function fromCut(graph: Graph, { values }: ActivationCut): Graph {
  const names = new Set(values.map(({ name }) => name));
  return dropUnusedInputs(
    prune({
      ...graph,
      inputs: [...graph.inputs, ...values.map(asInfo)],
      nodes: graph.nodes.filter(({ outputs }) => !names.has(outputs[0] as string)),
    }),
  );
}

export function dropUnusedInputs(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, inputs: graph.inputs.filter(({ name }) => used.has(name)) };
}

/** Number of matrix products in a graph: what precomputing it saves. */
export function countProducts(graph: Graph): number {
  return graph.nodes.filter((node) => isLinear(node) || node.op === 'MatMul' || node.op === 'Attention').length;
}
