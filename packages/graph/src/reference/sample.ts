import type { Graph, Node } from '../ir/graph.js';
import { usedValues } from '../ir/uses.js';
import type { Value } from '../shapes/fact.js';
import { evaluate } from './evaluate.js';

/** Lengths to run a graph at. */
export interface SampleSize {
  readonly batch: number;
  readonly sequence: number;
}

/**
 * Masks and positions are small at the lengths that are sampled; what is larger is the model itself, and is not
 * computed.
 */
const MAX_SAMPLED_ELEMENTS = 2048;

/**
 * What some values of a graph are at a given size, for rewrites that need numbers: only what they are computed from is
 * run, on token inputs with padding on either side and holes in the mask, so that mask idioms show themselves. Values
 * that are larger than masks have a shape only.
 */
export function sampleValues(graph: Graph, names: readonly string[], size: SampleSize): Map<string, Value> {
  const nodes = ancestors(graph, names);
  const used = new Set(nodes.flatMap((node) => [...usedValues(node)]).concat(names));
  const inputs = graph.inputs.filter(({ name }) => used.has(name));
  const feeds = new Map(inputs.map(({ name, dtype, dims }) => [name, sampleInput(name, dtype, dims, size)]));
  return evaluate({ ...graph, inputs, nodes }, feeds, { maxElements: MAX_SAMPLED_ELEMENTS });
}

function ancestors({ nodes }: Graph, names: readonly string[]): Node[] {
  const wanted = new Set(names);
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((output) => wanted.has(output))) return false;
    for (const name of usedValues(node)) wanted.add(name);
    return true;
  });
  return kept.toReversed();
}

function sampleInput(
  name: string,
  dtype: Value['dtype'],
  declared: readonly (number | string)[],
  { batch, sequence }: SampleSize,
): Value {
  const dims = declared.map((dim, axis) =>
    typeof dim === 'number' ? dim : axis === 0 || dim === 'batch' ? batch : sequence,
  );
  const isInteger = dtype === 'int64' || dtype === 'int32';
  return isInteger ? { dtype, dims, data: sampleTokens(name, dims) } : { dtype, dims };
}

function sampleTokens(name: string, [rows = 1, columns = 1]: readonly number[]): Float64Array {
  const at = (i: number): number => {
    if (/mask/i.test(name)) return sampleMask(Math.floor(i / columns), i % columns, columns);
    // Small ids that every vocabulary has; varied, so that computations on ids (positions after padding) are seen to
    // depend on them.
    return /type|segment/i.test(name) ? 0 : 3 + ((i * 7) % 5);
  };
  return Float64Array.from({ length: rows * columns }, (_, i) => at(i));
}

/** Row 0 is full, row 1 padded right, row 2 padded left, row 3 has holes; every row has a token. */
function sampleMask(row: number, column: number, columns: number): number {
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
