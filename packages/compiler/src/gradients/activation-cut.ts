import {
  type Graph,
  type ValueInfo,
  type Facts,
  factsOf,
  operatorOf,
  prune,
  reach,
} from '@hadamard-adapter/graph/internal';
import { isBatch, isSequence } from '../forms/dims.js';
import { withoutUnusedInputs } from '../forms/unused-inputs.js';

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
  const facts = factsOf(graph);
  const influenced = reach(graph.nodes, trained);
  const tokens = new Set(
    graph.inputs
      .filter(({ name, dtype }) => name !== mask && (dtype === 'int64' || dtype === 'int32'))
      .map(({ name }) => name),
  );
  const frozen = { graph, facts, influenced, tokens, fromTokens: reach(graph.nodes, tokens) };
  const [boundary, single] = [boundaryOf(frozen), singleValue(frozen, output)];
  const same = boundary?.values.length === 1 && boundary.values[0]?.name === single?.values[0]?.name;
  return [...(boundary === undefined || same ? [] : [boundary]), ...(single === undefined ? [] : [single])];
}

interface Frozen {
  readonly graph: Graph;
  readonly facts: Facts;
  /** Values that trained parameters influence. */
  readonly influenced: ReadonlySet<string>;
  /** Token inputs; the mask is not among them, since what follows from it is cheap. */
  readonly tokens: ReadonlySet<string>;
  readonly fromTokens: ReadonlySet<string>;
}

/** More values than the two of a layer, and perhaps the states of an encoder, are not worth their memory. */
const MAX_VALUES = 3;

function boundaryOf({ graph, facts, influenced, fromTokens }: Frozen): ActivationCut | undefined {
  const names = new Set<string>();
  for (const { inputs, outputs } of graph.nodes) {
    if (!influenced.has(outputs[0] ?? '')) continue;
    for (const input of inputs) if (!influenced.has(input) && fromTokens.has(input)) names.add(input);
  }
  const values = Array.from(names, (name) => cutValue(facts, name));
  const found = values.filter((value) => value !== undefined);
  const isWorthIt = values.length > 0 && values.length <= MAX_VALUES && found.length === values.length;
  return isWorthIt ? { values: found } : undefined;
}

function singleValue(
  { graph, facts, influenced, tokens, fromTokens }: Frozen,
  output: string,
): ActivationCut | undefined {
  for (const node of graph.nodes.toReversed()) {
    const [name = ''] = node.outputs;
    // A reshape or an embedding look-up alone is not worth memory.
    if (influenced.has(name) || !fromTokens.has(name) || operatorOf(node).isWorthKeeping !== true) continue;
    const value = cutValue(facts, name);
    if (value !== undefined && !reach(graph.nodes, tokens, name).has(output)) return { values: [value] };
  }
  return undefined;
}

/** A float value with one vector for each token or each example. */
function cutValue(facts: Facts, name: string): CutValue | undefined {
  const { dtype, dims = [] } = facts.of(name) ?? {};
  const width = dims.at(-1);
  if (typeof width !== 'number' || !isBatch(dims[0]) || dtype !== 'float32') return undefined;
  if (dims.length === 2) return { name, dims: ['batch', width], perToken: false, width };
  if (dims.length !== 3) return undefined;
  if (isSequence(dims[1])) return { name, dims: ['batch', 'sequence', width], perToken: true, width };
  return dims[1] === 1 ? { name, dims: ['batch', 1, width], perToken: false, width } : undefined;
}

const asInfo = ({ name, dims }: CutValue): ValueInfo => ({ name, dtype: 'float32', dims });

/** The graph from the tokens to the cut, whose values become its only outputs. */
export function upToCut(graph: Graph, { values }: ActivationCut): Graph {
  return withoutUnusedInputs(prune({ ...graph, outputs: values.map(asInfo) }));
}

/** The graph from the cut on, whose values become inputs. */
export function fromCut(graph: Graph, { values }: ActivationCut): Graph {
  const names = new Set(values.map(({ name }) => name));
  return withoutUnusedInputs(
    prune({
      ...graph,
      inputs: [...graph.inputs, ...values.map(asInfo)],
      nodes: graph.nodes.filter(({ outputs }) => !names.has(outputs[0] as string)),
    }),
  );
}

/** Number of matrix products in a graph: what precomputing it saves. */
export function countProducts(graph: Graph): number {
  return graph.nodes.filter((node) => operatorOf(node).isProduct === true).length;
}
