import { type Node, isLinear, reach, viewOf, type View } from '@hadamard-adapter/graph/internal';
import type { CanonicalGraph } from '../passes/canonicalize.js';

/** One softmax(q·kᵀ)·v of a graph. */
export interface AttentionBlock {
  /**
   * The `Attention` node, or the product of probabilities and values where the scores are made in a way of their own.
   */
  readonly node: Node;
  /** The probabilities over the values, [b, h, s, d] or [b·h, s, d]. */
  readonly output: string;
  /** `self`: queries, keys and values come from the same states. `cross`: keys and values come from others. */
  readonly kind: 'self' | 'cross';
  /** What the values are projected from. */
  readonly valueSources: ReadonlySet<string>;
  /** Additive bias on the scores, where it is known. */
  readonly bias: string | undefined;
}

/** Every attention of the graph, in the order of its nodes. */
export function findBlocks({ graph }: Pick<CanonicalGraph, 'graph'>): AttentionBlock[] {
  const view = viewOf(graph);
  const tokens = reach(graph.nodes, new Set(graph.inputs.map(({ name }) => name)));
  const sourcesOf = (value: string): Set<string> =>
    new Set([...linearSources(view, value)].filter((source) => tokens.has(source)));
  return graph.nodes.flatMap((node): AttentionBlock[] => {
    const operands = operandsOf(node, view);
    if (operands === undefined) return [];
    const valueSources = sourcesOf(operands.values);
    const foreign = operands.scored
      .flatMap((value) => [...sourcesOf(value)])
      .some((source) => !valueSources.has(source));
    return [
      { node, output: node.outputs[0] as string, kind: foreign ? 'cross' : 'self', valueSources, bias: operands.bias },
    ];
  });
}

interface Operands {
  /** What the scores are made of: queries and keys, or the scores themselves. */
  readonly scored: readonly string[];
  readonly values: string;
  readonly bias?: string;
}

function operandsOf(node: Node, view: View): Operands | undefined {
  if (node.domain !== '') return undefined;
  if (node.op === 'Attention') {
    const [query, key, values, bias] = node.inputs as [string, string, string, string | undefined];
    return { scored: [query, key], values, ...(bias === undefined || bias === '' ? {} : { bias }) };
  }
  const [left, right] = node.inputs;
  if (node.op !== 'MatMul' || left === undefined || right === undefined) return undefined;
  const softmax = softmaxBehind(view, left);
  return softmax === undefined ? undefined : { scored: [softmax.inputs[0] as string], values: right };
}

/** Between a softmax and its product with the values stand at most other shapes, masks and casts. */
const AROUND_PROBABILITIES = new Set(['Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Cast', 'Where', 'Mul']);
const MAX_STEPS = 6;

function softmaxBehind(view: View, value: string): Node | undefined {
  let frontier = [value];
  for (let step = 0; step < MAX_STEPS; step++) {
    const nodes = frontier.flatMap((name) => view.producer(name) ?? []);
    const softmax = nodes.find(({ op, domain }) => op === 'Softmax' && domain === '');
    if (softmax !== undefined) return softmax;
    frontier = nodes
      .filter(({ op, domain }) => domain === '' && AROUND_PROBABILITIES.has(op))
      .flatMap(({ inputs }) => inputs);
  }
  return undefined;
}

/** Where the way up ends: what a linear layer reads, and values that are themselves the result of a whole block. */
const ENDS = new Set(['LayerNormalization', 'RMSNormalization', 'Attention']);

/** Inputs of the linear layers that `value` is made by, looking up no further than to the first on each way. */
function linearSources(view: View, value: string): Set<string> {
  const sources = new Set<string>();
  const seen = new Set<string>([value]);
  for (const name of seen) {
    const node = view.producer(name);
    if (node === undefined || node.op === 'Shape') continue;
    if (isLinear(node)) sources.add(node.inputs[0] as string);
    else if (ENDS.has(node.op)) sources.add(name);
    else for (const input of node.inputs) seen.add(input);
  }
  return sources;
}
