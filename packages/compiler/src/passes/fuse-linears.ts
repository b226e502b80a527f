import {
  INTERNAL_DOMAIN,
  eitherInput,
  factsOf,
  floatAttribute,
  int,
  intAttribute,
  intsAttribute,
  isPresent,
  rewrite,
  sameDim,
  type Facts,
  type Graph,
  type Node,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { equalInts } from './support/permutations.js';
import { isVector } from './support/norm-patterns.js';

/** The weight is never touched: a transposed one is only read the other way round. */
export const fuseLinears: Pass = {
  name: 'fuse-linears',
  does: 'Makes `MatMul(x, W) + b` and `Gemm` with a constant matrix one node.',
  needs: 'shapes can be told',
  guarantees: 'they are `Linear(x, W, b)`: x [.., k], W [k, n], or [n, k] with transB = 1, b [n] or absent',
  run: fused,
};

function fused(graph: Graph): Graph {
  const facts = factsOf(graph);
  return rewrite(graph, (node, builder, view) => {
    const match = node.domain === '' ? (matchFlattened(node, view, facts) ?? matchLinear(node, view)) : undefined;
    const [output] = node.outputs;
    if (match === undefined || output === undefined) return false;
    const { input, weight, bias, transB } = match;
    const inputs = bias === undefined ? [input, weight] : [input, weight, bias];
    builder.emit('Linear', inputs, { transB: int(transB) }, { domain: INTERNAL_DOMAIN, output, name: node.name });
    return true;
  });
}

interface LinearMatch {
  readonly input: string;
  readonly weight: string;
  readonly bias?: string;
  readonly transB: 0 | 1;
}

function matchLinear(node: Node, view: View): LinearMatch | undefined {
  switch (node.op) {
    case 'MatMul':
      return matchProduct(node, view);
    case 'Gemm':
      return matchGemm(node, view);
    case 'Add': {
      const sum = eitherInput(node, (value) => {
        const product = view.producedBy(value, 'MatMul');
        return product && matchProduct(product, view);
      });
      return sum !== undefined && isVector(view, sum.other) ? { ...sum.picked, bias: sum.other } : undefined;
    }
    default:
      return undefined;
  }
}

function matchProduct(node: Node, view: View): LinearMatch | undefined {
  const [input, matrix] = node.inputs;
  if (input === undefined || view.constant(input) !== undefined) return undefined;
  if (matrix !== undefined && isMatrix(view, matrix)) return { input, weight: matrix, transB: 0 };
  const transposed = view.producedBy(matrix, 'Transpose');
  const [weight] = transposed?.inputs ?? [];
  if (transposed === undefined || weight === undefined || !isMatrix(view, weight)) return undefined;
  return equalInts(intsAttribute(transposed, 'perm') ?? [1, 0], [1, 0]) ? { input, weight, transB: 1 } : undefined;
}

function matchGemm(node: Node, view: View): LinearMatch | undefined {
  const [input, weight, bias] = node.inputs;
  const plain =
    floatAttribute(node, 'alpha', 1) === 1 &&
    floatAttribute(node, 'beta', 1) === 1 &&
    intAttribute(node, 'transA', 0) === 0;
  if (!plain || input === undefined || weight === undefined || !isMatrix(view, weight)) return undefined;
  const transB = intAttribute(node, 'transB', 0) === 1 ? 1 : 0;
  if (!isPresent(bias)) return { input, weight, transB };
  return isVector(view, bias) ? { input, weight, bias, transB } : undefined;
}

/**
 * Gemm knows two dimensions only, so whoever writes a linear layer with it flattens the rows in front and gives them
 * their shape back behind.
 */
function matchFlattened(node: Node, view: View, facts: Facts): LinearMatch | undefined {
  const [flat = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const product = node.op === 'Reshape' ? view.producedBy(flat, 'Gemm') : undefined;
  const match = product && matchGemm(product, view);
  const input = match && view.producedBy(match.input, 'Reshape')?.inputs[0];
  if (match === undefined || input === undefined) return undefined;
  const [from, to] = [facts.dims(input), facts.dims(output)];
  if (from === undefined || from.length !== to?.length) return undefined;
  const rowsStay = from.slice(0, -1).every((dim, axis) => sameDim(dim, to[axis]));
  const widthsStay =
    sameDim(from.at(-1), facts.dims(match.input)?.at(-1)) && sameDim(to.at(-1), facts.dims(flat)?.at(-1));
  return rowsStay && widthsStay ? { ...match, input } : undefined;
}

function isMatrix(view: View, value: string | undefined): boolean {
  return view.constant(value)?.dims.length === 2;
}
