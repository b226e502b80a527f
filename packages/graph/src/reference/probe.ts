import type { Graph } from '../ir/graph.js';
import { evaluate } from './evaluate.js';
import type { Value } from '../shapes/value.js';

/**
 * Two sizes at which a graph is evaluated to learn its shapes. Batch and sequence are distinct primes that occur in no
 * model, so that a dimension tells where it comes from: what is equal at both sizes is constant, what is 3 and 5 is the
 * batch, and so on.
 */
export const PROBES = [
  { batch: 3, sequence: 11 },
  { batch: 5, sequence: 13 },
] as const;

/**
 * Masks, positions and shapes are smaller than this at either size; embedding tables and hidden states of any real
 * model are larger, so that no arithmetic of the model itself is done here.
 */
const MAX_PROBED_ELEMENTS = 2048;

/**
 * What is known of every value at each probe size: always type and shape, and the data where it follows from ids and
 * masks alone.
 */
export type Probe = readonly [ReadonlyMap<string, Value>, ReadonlyMap<string, Value>];

/** A dimension as it came out at the two probe sizes. */
export type Dim = readonly [number, number];

/**
 * Evaluate a graph at the probe sizes. Integer inputs of shape [batch, sequence] get data (padding on either side and
 * holes in the mask, so that mask idioms show themselves); other inputs have a shape only. Dimensions named by strings
 * count as batch when first or called so, and as sequence otherwise.
 */
export function probe(graph: Graph): Probe {
  return [probeAt(graph, 0), probeAt(graph, 1)];
}

/** The dimensions of `value` at both probe sizes; undefined when the graph has no such value. */
export function dimsOf(shapes: Probe, value: string): readonly Dim[] | undefined {
  const [first, second] = [shapes[0].get(value), shapes[1].get(value)];
  if (first === undefined || second === undefined || first.dims.length !== second.dims.length) return undefined;
  return first.dims.map((size, axis): Dim => [size, second.dims[axis] as number]);
}

export const isConstantDim = (dim: Dim): boolean => dim[0] === dim[1];
export const sameDim = (left: Dim | undefined, right: Dim | undefined): boolean =>
  left !== undefined && right !== undefined && left[0] === right[0] && left[1] === right[1];
export const isBatch = (dim: Dim | undefined): boolean => sameDim(dim, [PROBES[0].batch, PROBES[1].batch]);
export const isSequence = (dim: Dim | undefined): boolean => sameDim(dim, [PROBES[0].sequence, PROBES[1].sequence]);

function probeAt(graph: Graph, index: 0 | 1): Map<string, Value> {
  const { batch, sequence } = PROBES[index];
  const feeds = new Map<string, Value>();
  for (const input of graph.inputs) {
    const dims = input.dims.map((dim, axis) =>
      typeof dim === 'number' ? dim : axis === 0 || dim === 'batch' ? batch : sequence,
    );
    const integer = input.dtype === 'int64' || input.dtype === 'int32';
    feeds.set(
      input.name,
      integer ? { dtype: input.dtype, dims, data: probeData(input.name, dims) } : { dtype: input.dtype, dims },
    );
  }
  return evaluate(graph, feeds, { maxElements: MAX_PROBED_ELEMENTS });
}

function probeData(name: string, dims: readonly number[]): Float64Array {
  const [rows = 1, columns = 1] = dims;
  const data = new Float64Array(rows * columns);
  if (/mask/i.test(name)) {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) data[row * columns + column] = probeMask(row, column, columns);
    return data;
  }
  if (/type|segment/i.test(name)) return data;
  // Small ids that every vocabulary has; varied, so that computations on ids (positions after padding) are seen to
  // depend on them.
  for (let i = 0; i < data.length; i++) data[i] = 3 + ((i * 7) % 5);
  return data;
}

/** Row 0 is full, row 1 padded right, row 2 padded left, row 3 has holes; every row has a token. */
function probeMask(row: number, column: number, columns: number): number {
  switch (row % 4) {
    case 1:
      return column < columns - 4 ? 1 : 0;
    case 2:
      return column >= 3 ? 1 : 0;
    case 3:
      return column % 3 === 0 ? 1 : 0;
    default:
      return 1;
  }
}
