import {
  INTERNAL_DOMAIN,
  factsOf,
  rewrite,
  sameDims,
  type Facts,
  type Graph,
  type Node,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/**
 * Gemm adds into y while it multiplies, so a sum of products (the gradient of what feeds queries, keys and values; a
 * residual) needs no pass of its own.
 */
export const accumulateInLinears: Pass = {
  name: 'accumulate-in-linears',
  does: 'Makes `Linear(x, W) + y` with y of the shape of the product `Linear(x, W, y)`.',
  needs: 'shapes can be told',
  guarantees: 'fewer passes over the data',
  run: accumulated,
};

function accumulated(graph: Graph): Graph {
  const facts = factsOf(graph);
  return rewrite(graph, (node, builder, view) => {
    const [left, right] = node.inputs;
    if (node.op !== 'Add' || node.domain !== '' || left === undefined || right === undefined) return false;
    const product = bareProduct(view, right) ?? bareProduct(view, left);
    const [result] = product?.outputs ?? [];
    if (product === undefined || result === undefined) return false;
    const other = result === right ? left : right;
    if (!hasSameShape(facts, other, result) || facts.dims(other)?.length === 1) return false;
    builder.keep({ ...product, inputs: [...product.inputs, other], outputs: node.outputs });
    return true;
  });
}

/** The Linear without bias whose output only this sum reads. */
function bareProduct(view: View, value: string): Node | undefined {
  const node = view.producer(value);
  const isBare = node?.op === 'Linear' && node.domain === INTERNAL_DOMAIN && node.inputs.length === 2;
  return isBare && view.consumers(value).length === 1 && !view.isOutput(value) ? node : undefined;
}

function hasSameShape(facts: Facts, left: string, right: string): boolean {
  const [a, b] = [facts.dims(left), facts.dims(right)];
  return a !== undefined && b !== undefined && sameDims(a, b);
}
