import { type Node, isLinear, isPresent, operatorOf, reach, viewOf, type View } from '@hadamard-adapter/graph/internal';
import type { CanonicalGraph } from '../forms/canonical-graph.js';

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
    const [query, key, values, bias] = node.inputs;
    if (query === undefined || key === undefined || values === undefined) return undefined;
    return { scored: [query, key], values, ...(isPresent(bias) ? { bias } : {}) };
  }
  const [left, right] = node.inputs;
  if (node.op !== 'MatMul' || left === undefined || right === undefined) return undefined;
  const softmax = softmaxBehind(view, left);
  return softmax === undefined ? undefined : { scored: [softmax.inputs[0] as string], values: right };
}

/** Between a softmax and its product with the values stand at most other shapes, masks and casts. */
const mayStandBetween = (node: Node): boolean =>
  operatorOf(node).rearranges === true || (node.domain === '' && (node.op === 'Where' || node.op === 'Mul'));
const MAX_STEPS = 6;

function softmaxBehind(view: View, value: string): Node | undefined {
  let frontier = [value];
  for (let step = 0; step < MAX_STEPS; step++) {
    const nodes = frontier.flatMap((name) => view.producer(name) ?? []);
    const softmax = nodes.find(({ op, domain }) => op === 'Softmax' && domain === '');
    if (softmax !== undefined) return softmax;
    frontier = nodes.filter(mayStandBetween).flatMap(({ inputs }) => inputs);
  }
  return undefined;
}

/** Where the way up ends: what a linear layer reads, and values that are themselves the result of a whole block. */
const isEnd = (node: Node): boolean =>
  operatorOf(node).isNorm === true || (node.op === 'Attention' && node.domain === '');

/** Inputs of the linear layers that `value` is made by, looking up no further than to the first on each way. */
function linearSources(view: View, value: string): Set<string> {
  const sources = new Set<string>();
  const seen = new Set<string>([value]);
  for (const name of seen) {
    const node = view.producer(name);
    if (node === undefined || operatorOf(node).readsShapeOnly === true) continue;
    if (isLinear(node)) sources.add(node.inputs[0] ?? name);
    else if (isEnd(node)) sources.add(name);
    else for (const input of node.inputs) seen.add(input);
  }
  return sources;
}
