import {
  INTERNAL_DOMAIN,
  type Graph,
  type Node,
  rewrite,
  type View,
  dimsOf,
  probe,
  sameDim,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/**
 * `Linear(x, W) + y` with y of the shape of the product becomes `Linear(x, W, y)`: Gemm adds into y while it
 * multiplies, so a sum of products (the gradient of what feeds queries, keys and values; a residual) needs no pass of
 * its own.
 */
export function accumulateInLinears(graph: Graph): Graph {
  const shapes = probe(graph);
  return rewrite(graph, (node, view) => {
    if (node.op !== 'Add' || node.domain !== '') return undefined;
    const [left, right] = node.inputs as [string, string];
    const product = bareProduct(view, right) ?? bareProduct(view, left);
    if (product === undefined) return undefined;
    const other = product.outputs[0] === right ? left : right;
    if (!sameShape(shapes, other, product.outputs[0] as string) || dimsOf(shapes, other)?.length === 1)
      return undefined;
    return { nodes: [{ ...product, inputs: [...product.inputs, other], outputs: node.outputs }] };
  });
}

/** The Linear without bias whose output only this sum reads. */
function bareProduct(view: View, value: string): Node | undefined {
  const node = view.producer(value);
  const bare = node?.op === 'Linear' && node.domain === INTERNAL_DOMAIN && node.inputs.length === 2;
  return bare && view.consumers(value).length === 1 && !view.isOutput(value) ? node : undefined;
}

function sameShape(shapes: Probe, left: string, right: string): boolean {
  const [a, b] = [dimsOf(shapes, left), dimsOf(shapes, right)];
  return a !== undefined && b !== undefined && a.length === b.length && a.every((dim, axis) => sameDim(dim, b[axis]));
}
