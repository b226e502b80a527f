import {
  factsOf,
  intAttribute,
  sampleValues,
  toNumbers,
  type Graph,
  type Node,
  type Value,
  type View,
} from '@hadamard-adapter/graph/internal';
import { isSequence } from '../../forms/dims.js';
import { MASK_SAMPLES } from '../../forms/masks.js';

/** One position of each example: the same one for all, or the one at which a row of [batch, 1, sequence] is 1. */
export type Position = { readonly index: number } | { readonly oneHot: string };

/**
 * A node that picks a position of a value [batch, sequence, width]; with `drops`, its result has no axis for it any
 * more.
 */
export interface Pick {
  readonly node: Node;
  readonly source: string;
  readonly position: Position;
  readonly drops: boolean;
}

export const isSamePosition = (left: Position, right: Position): boolean =>
  'index' in left ? 'index' in right && left.index === right.index : 'oneHot' in right && left.oneHot === right.oneHot;

/** The Slice, Gather or product with a one-hot row that picks a position. */
export function pickOf(node: Node, view: View): Pick | undefined {
  if (node.domain !== '') return undefined;
  const source = node.inputs[node.op === 'MatMul' ? 1 : 0];
  const dims = source === undefined ? undefined : factsOf(view.graph).dims(source);
  if (source === undefined || dims?.length !== 3 || !isSequence(dims[1])) return undefined;
  switch (node.op) {
    case 'Slice': {
      const index = slicedPosition(node, view);
      return index === undefined ? undefined : { node, source, position: { index }, drops: false };
    }
    case 'Gather': {
      const index = gatheredPosition(node, view);
      return index === undefined ? undefined : { node, source, position: { index }, drops: true };
    }
    case 'MatMul': {
      const [oneHot] = node.inputs;
      const isPick = oneHot !== undefined && isOneHot(view.graph, oneHot);
      return isPick ? { node, source, position: { oneHot }, drops: false } : undefined;
    }
    default:
      return undefined;
  }
}

/** The one position that a Slice leaves of axis 1. */
function slicedPosition(node: Node, view: View): number | undefined {
  const numbers = (input: number): readonly number[] => {
    const tensor = view.constant(node.inputs[input]);
    return tensor === undefined ? [] : [...toNumbers(tensor)];
  };
  const [[start, more], [end], [axis]] = [numbers(1), numbers(2), numbers(3)];
  const [step] = node.inputs[4] === undefined ? [1] : numbers(4);
  const isSingle = start !== undefined && more === undefined && start >= 0 && end === start + 1;
  return isSingle && axis === 1 && step === 1 ? start : undefined;
}

function gatheredPosition(node: Node, view: View): number | undefined {
  const index = view.scalar(node.inputs[1]);
  const isSingle = intAttribute(node, 'axis', 0) === 1 && view.constant(node.inputs[1])?.dims.length === 0;
  return isSingle && index !== undefined && index >= 0 ? index : undefined;
}

/** Whether a value [batch, 1, sequence] has a single 1 in each row at the sampled sizes, among zeros. */
function isOneHot(graph: Graph, value: string): boolean {
  const dims = factsOf(graph).dims(value);
  if (dims?.length !== 3 || dims[1] !== 1 || !isSequence(dims[2])) return false;
  return MASK_SAMPLES.every((size) => hasOneHotRows(sampleValues(graph, [value], size).get(value)));
}

function hasOneHotRows(value: Value | undefined): boolean {
  const [rows = 0, , width = 0] = value?.dims ?? [];
  const data = value?.data;
  if (data === undefined) return false;
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width)).every(
    (row) => row.every((x) => x === 0 || x === 1) && row.reduce((a, b) => a + b, 0) === 1,
  );
}
