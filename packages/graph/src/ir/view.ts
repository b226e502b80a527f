import type { Graph, Node } from './graph.js';
import type { Tensor } from '../tensors/tensor.js';
import { indexGraph } from './index-graph.js';
import { elementCount, toNumbers } from '../tensors/elements.js';

/**
 * A graph with the questions that pattern matching asks of it. Positions in it do not change while a pass looks at it.
 */
export interface View {
  readonly graph: Graph;
  /** The node that computes `value`, unless it is an input or a constant. */
  producer(value: string | undefined): Node | undefined;
  /** As `producer`, if that node is `op` of the standard domain. */
  producedBy(value: string | undefined, op: string): Node | undefined;
  /** Every node that reads `value`; a node that reads it twice stands here once. */
  consumers(value: string): readonly Node[];
  isOutput(value: string): boolean;
  constant(value: string | undefined): Tensor | undefined;
  /** The number behind `value` if it is a constant of one element, of any rank. */
  scalar(value: string | undefined): number | undefined;
}

export function viewOf(graph: Graph): View {
  const index = indexGraph(graph);
  const producer = (value: string | undefined): Node | undefined =>
    value === undefined ? undefined : index.producer.get(value);
  const constant = (value: string | undefined): Tensor | undefined =>
    value === undefined ? undefined : graph.tensors.get(value);
  return {
    graph,
    producer,
    producedBy(value, op) {
      const node = producer(value);
      return node?.op === op && node.domain === '' ? node : undefined;
    },
    consumers: (value) => index.consumers.get(value) ?? [],
    isOutput: (value) => index.outputs.has(value),
    constant,
    scalar(value) {
      const tensor = constant(value);
      return tensor !== undefined && tensor.dtype !== 'string' && elementCount(tensor.dims) === 1
        ? toNumbers(tensor)[0]
        : undefined;
    },
  };
}

/**
 * The two inputs of a commutative node as [the one `pick` accepts, the other], or undefined when it accepts neither.
 * Exporters disagree on the order of operands.
 */
export function eitherInput<T>(
  node: Node,
  pick: (value: string) => T | undefined,
): { readonly picked: T; readonly other: string } | undefined {
  const [left, right] = node.inputs;
  if (left === undefined || right === undefined) return undefined;
  const first = pick(left);
  if (first !== undefined) return { picked: first, other: right };
  const second = pick(right);
  return second === undefined ? undefined : { picked: second, other: left };
}
