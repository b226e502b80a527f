import { rotaryTables } from '../forms/rotary-tables.js';
import {
  INTERNAL_DOMAIN,
  type Graph,
  type Node,
  isLinear,
  isQuantizedLinear,
  operatorOf,
  elementCount,
} from '@hadamard-adapter/graph/internal';
import { expose } from './expose.js';
import type { Insertion } from './insert.js';
import type { Parameter } from './parameters.js';

/**
 * Make every float32 weight of the base a parameter of group `base`: for full fine-tuning, the yardstick of the paper;
 * or only the shifts of its linear layers and norms, as BitFit does (Ben Zaken et al., arXiv 2106.10199). Single
 * numbers (epsilons, scales) stay constants, and so do the frequencies of rotary positions. A weight that a norm
 * parameter already replaced is no longer in use and does not appear twice.
 */
export function exposeBase(graph: Graph, biasesOnly = false): Insertion {
  const transposed = new Map<string, boolean>();
  const used = new Set<string>();
  for (const node of graph.nodes) {
    const { op, inputs, attributes } = node;
    // Packed weights and their scales cannot be trained; the bias behind them can.
    const trained = biasesOnly
      ? biasesOf(node)
      : isQuantizedLinear(node)
        ? [inputs[0] as string, inputs[4] ?? '']
        : inputs;
    for (const input of trained) used.add(input);
    if (op === 'Linear' && node.domain === INTERNAL_DOMAIN)
      transposed.set(inputs[1] as string, attributes['transB']?.value === 0);
  }
  const angles = rotaryTables(graph);
  const parameters: Parameter[] = [];
  for (const [name, tensor] of graph.tensors) {
    if (tensor.dtype !== 'float32' || elementCount(tensor.dims) < 2 || !used.has(name) || angles.has(name)) continue;
    const parameter: Parameter = { name, group: 'base', shape: tensor.dims, source: name, initial: { tensor: name } };
    parameters.push(transposed.get(name) === true ? { ...parameter, transposed: true } : parameter);
  }
  return expose(graph, parameters);
}

/** What a linear layer or a norm adds. */
function biasesOf(node: Node): string[] {
  const at = isQuantizedLinear(node) ? 4 : isLinear(node) || operatorOf(node).isNorm === true ? 2 : undefined;
  return at === undefined ? [] : [node.inputs[at] ?? ''];
}
