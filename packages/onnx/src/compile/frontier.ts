import type { Graph } from '../graph/graph.js';
import { isLinear } from '../graph/linear.js';
import { prune } from '../graph/prune.js';
import { reach } from '../graph/reach.js';
import { dimsOf, isBatch, isConstantDim, isSequence, probe } from '../canonicalize/probe.js';

/** A value behind which training begins: everything in front of it can be computed once per example. */
export interface Frontier {
  readonly value: string;
  /** True for one vector per token, [batch, sequence, width]; false for one per example, [batch, width]. */
  readonly perToken: boolean;
  readonly width: number;
}

/**
 * The last value that no parameter in `trained` influences and that everything behind it needs: the only way from the tokens to `output` leads through it. With
 * the classifier alone trained that is the pooled vector; with adapters from layer k on, the input of layer k. Undefined when training reaches down
 * to the embeddings, or nothing worth keeping lies in front.
 */
export function frontierOf(graph: Graph, mask: string | undefined, trained: ReadonlySet<string>, output: string): Frontier | undefined {
  const influenced = reach(graph.nodes, trained);
  const tokens = new Set(graph.inputs.filter(({ name, dtype }) => name !== mask && (dtype === 'int64' || dtype === 'int32')).map(({ name }) => name));
  const shapes = probe(graph);
  const fromTokens = reach(graph.nodes, tokens);
  for (const node of graph.nodes.toReversed()) {
    const value = node.outputs[0] as string;
    if (influenced.has(value) || !fromTokens.has(value) || !WORTH_KEEPING.has(node.op)) continue;
    const dims = dimsOf(shapes, value);
    const width = dims?.at(-1);
    if (dims === undefined || width === undefined || !isConstantDim(width) || !isBatch(dims[0])) continue;
    const perToken = dims.length === 3 && isSequence(dims[1]);
    if (!perToken && dims.length !== 2) continue;
    if (!reach(graph.nodes, tokens, value).has(output)) return { value, perToken, width: width[0] };
  }
  return undefined;
}

/** Ends of expensive stretches. A reshape or an embedding look-up alone is not worth memory. */
const WORTH_KEEPING = new Set(['LayerNormalization', 'RMSNormalization', 'Add', 'Reshape', 'ReduceSum', 'Tanh', 'Div', 'Linear', 'QuantizedLinear']);

/** The graph from the tokens to the frontier, which becomes its only output. */
export function upToFrontier(graph: Graph, { value, perToken, width }: Frontier): Graph {
  return dropUnusedInputs(prune({ ...graph, outputs: [{ name: value, dtype: 'float32', dims: perToken ? ['batch', 'sequence', width] : ['batch', width] }] }));
}

/** The graph from the frontier on, which becomes an input. */
export function fromFrontier(graph: Graph, { value, perToken, width }: Frontier): Graph {
  return dropUnusedInputs(
    prune({
      ...graph,
      inputs: [...graph.inputs, { name: value, dtype: 'float32', dims: perToken ? ['batch', 'sequence', width] : ['batch', width] }],
      nodes: graph.nodes.filter(({ outputs }) => outputs[0] !== value),
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
