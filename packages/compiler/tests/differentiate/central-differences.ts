import { differentiate } from '../../src/gradients/differentiate.js';
import {
  type Graph,
  makeNode,
  elementCount,
  fromNumbers,
  evaluate,
  type Value,
} from '@hadamard-adapter/graph/internal';

/** Small, cheap, repeatable numbers in (−1, 1). */
export function numbers(size: number, seed: number): Float64Array {
  let state = Math.imul(seed + 1, 2654435761) | 0;
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

export interface CheckOptions {
  readonly seed: number;
  /** Keep inputs away from where an operator is not defined. */
  readonly positive?: boolean;
  /** Rewrite the graph of loss and gradients before it is evaluated. */
  readonly through?: (graph: Graph) => Graph;
}

/**
 * Compare the compiled gradients of a random weighted sum of the graph's output with central differences, all in
 * float64. Where the differences of two steps disagree there is a kink within reach (of a maximum, say), and nothing to
 * compare.
 *
 * @returns the largest difference, relative to the gradient where that is above 1, and how many numbers were compared
 *   and passed over.
 */
export function checkGradients(
  graph: Graph,
  trained: readonly string[],
  { seed, positive = false, through = (each) => each }: CheckOptions,
): { worst: number; compared: number; kinks: number } {
  const feeds = new Map<string, Value>();
  for (const [i, { name, dims }] of graph.inputs.entries()) {
    const data = numbers(elementCount(dims as number[]), seed * 31 + i);
    feeds.set(name, {
      dtype: 'float32',
      dims: dims as number[],
      data: positive ? data.map((x) => Math.abs(x) + 0.5) : data,
    });
  }
  const output = graph.outputs[0]?.name as string;
  const y = evaluate(graph, feeds, { maxElements: Infinity }).get(output) as Value;
  const weights = numbers(elementCount(y.dims), seed + 1000);
  const withLoss: Graph = {
    ...graph,
    nodes: [
      ...graph.nodes,
      makeNode('Mul', [output, 'loss_weights'], ['loss_terms']),
      makeNode('ReduceSum', ['loss_terms'], ['loss'], { keepdims: { type: 'int', value: 0 } }),
    ],
    tensors: new Map(graph.tensors).set('loss_weights', fromNumbers('float64', weights, y.dims)),
    outputs: [{ name: 'loss', dtype: 'float32', dims: [] }],
  };
  const { builder, gradients } = differentiate(withLoss, 'loss', trained);
  const names = trained.map((name) => gradients.get(name) as string);
  const results = evaluate(through(builder.finish(['loss', ...new Set(names)])), feeds, { maxElements: Infinity });
  const lossAt = (): number => evaluate(withLoss, feeds, { maxElements: Infinity }).get('loss')?.data?.[0] as number;

  let [worst, compared, kinks] = [0, 0, 0];
  trained.forEach((name, i) => {
    const gradient = results.get(names[i] as string)?.data as Float64Array;
    const value = feeds.get(name) as Value & { data: Float64Array };
    if (gradient.length !== value.data.length)
      throw new Error(`gradient of ${name} has ${gradient.length} entries, not ${value.data.length}`);
    for (let at = 0; at < value.data.length; at++) {
      const original = value.data[at] as number;
      const slope = (step: number): number => {
        const [above, below] = [original + step, original - step].map((moved) => {
          value.data[at] = moved;
          return lossAt();
        }) as [number, number];
        value.data[at] = original;
        return (above - below) / (2 * step);
      };
      const [expected, closer] = [slope(1e-5), slope(1e-6)];
      const scale = Math.max(1, Math.abs(expected));
      if (Math.abs(expected - closer) > 1e-6 * scale) kinks++;
      else {
        compared++;
        worst = Math.max(worst, Math.abs((gradient[at] as number) - expected) / scale);
      }
    }
  });
  return { worst, compared, kinks };
}
