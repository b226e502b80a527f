import type { Attributes, Node } from './graph.js';

/** A node; standard domain unless said otherwise. */
export function makeNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
  { domain = '', name = outputs[0] ?? op }: { domain?: string; name?: string } = {},
): Node {
  return { op, domain, name, inputs, outputs, attributes };
}
