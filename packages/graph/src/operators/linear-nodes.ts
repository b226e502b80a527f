import { INTERNAL_DOMAIN, type Node } from '../ir/graph.js';

/** A linear layer with constant weights, in float or quantized. Its input is the first, its weight the second input. */
export function isLinear({ op, domain }: Pick<Node, 'op' | 'domain'>): boolean {
  return domain === INTERNAL_DOMAIN && (op === 'Linear' || op === 'QuantizedLinear');
}

export const isQuantizedLinear = ({ op, domain }: Pick<Node, 'op' | 'domain'>): boolean =>
  domain === INTERNAL_DOMAIN && op === 'QuantizedLinear';
