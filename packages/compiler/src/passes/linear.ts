import {
  INTERNAL_DOMAIN,
  floatAttribute,
  int,
  intAttribute,
  intsAttribute,
  type Graph,
  type Node,
  makeNode,
  rewrite,
  eitherInput,
  type View,
  dimsOf,
  sameDim,
  type Probe,
} from '@hadamard-adapter/graph/internal';
import { equalInts } from './reshape.js';

/**
 * `MatMul(x, W) + b` and `Gemm` with a constant matrix become `Linear(x, W, b)` of the internal domain: x [..., K], W
 * [K, N], or [N, K] with transB = 1, b [N] or absent. The weight is never touched: a transposed one is only read the
 * other way round.
 */
export function fuseLinears(graph: Graph, shapes: Probe): Graph {
  return rewrite(graph, (node, view) => {
    const match = node.domain === '' ? (matchFlattened(node, view, shapes) ?? matchLinear(node, view)) : undefined;
    return match === undefined ? undefined : { nodes: [linearNode(match, node)] };
  });
}

interface LinearMatch {
  readonly input: string;
  readonly weight: string;
  readonly bias?: string;
  readonly transB: 0 | 1;
}

/** A `Linear` node that computes what `node` did, under the same output name. */
function linearNode({ input, weight, bias, transB }: LinearMatch, { name, outputs }: Node): Node {
  return makeNode(
    'Linear',
    bias === undefined ? [input, weight] : [input, weight, bias],
    outputs,
    { transB: int(transB) },
    { domain: INTERNAL_DOMAIN, name },
  );
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
      return sum !== undefined && view.constant(sum.other)?.dims.length === 1
        ? { ...sum.picked, bias: sum.other }
        : undefined;
    }
    default:
      return undefined;
  }
}

function matchProduct(node: Node, view: View): LinearMatch | undefined {
  const [input, matrix] = node.inputs;
  if (input === undefined || view.constant(input) !== undefined) return undefined;
  if (isMatrix(view, matrix)) return { input, weight: matrix as string, transB: 0 };
  const transposed = view.producedBy(matrix, 'Transpose');
  return transposed !== undefined &&
    equalInts(intsAttribute(transposed, 'perm') ?? [1, 0], [1, 0]) &&
    isMatrix(view, transposed.inputs[0])
    ? { input, weight: transposed.inputs[0] as string, transB: 1 }
    : undefined;
}

function matchGemm(node: Node, view: View): LinearMatch | undefined {
  const [input, weight, bias] = node.inputs;
  const plain =
    floatAttribute(node, 'alpha', 1) === 1 &&
    floatAttribute(node, 'beta', 1) === 1 &&
    intAttribute(node, 'transA', 0) === 0;
  if (!plain || input === undefined || weight === undefined || !isMatrix(view, weight)) return undefined;
  const transB = intAttribute(node, 'transB', 0) === 1 ? 1 : 0;
  if (bias === undefined || bias === '') return { input, weight, transB };
  return view.constant(bias)?.dims.length === 1 ? { input, weight, bias, transB } : undefined;
}

/**
 * Gemm knows two dimensions only, so whoever writes a linear layer with it flattens the rows in front and gives them
 * their shape back behind.
 */
function matchFlattened(node: Node, view: View, shapes: Probe): LinearMatch | undefined {
  const product = node.op === 'Reshape' ? view.producedBy(node.inputs[0], 'Gemm') : undefined;
  const match = product && matchGemm(product, view);
  const input = match && view.producedBy(match.input, 'Reshape')?.inputs[0];
  if (match === undefined || input === undefined) return undefined;
  const [from, to] = [dimsOf(shapes, input), dimsOf(shapes, node.outputs[0] as string)];
  const width = dimsOf(shapes, match.input)?.at(-1);
  const rowsStay =
    from !== undefined && from.length === to?.length && from.slice(0, -1).every((dim, axis) => sameDim(dim, to[axis]));
  return rowsStay && sameDim(from.at(-1), width) && sameDim(to.at(-1), dimsOf(shapes, node.inputs[0] as string)?.at(-1))
    ? { ...match, input }
    : undefined;
}

function isMatrix(view: View, value: string | undefined): boolean {
  return view.constant(value)?.dims.length === 2;
}

/**
 * Exporters lose the names of transposed matrices (`onnx::MatMul_484`, `val_80`) but keep those of biases. A matrix
 * whose bias is `<module>.bias` and whose own name says nothing is called `<module>.weight` again, so that parameters
 * and messages read as in Hugging Face.
 */
export function nameMatrices(graph: Graph): Graph {
  const names = new Map<string, string>();
  for (const { op, domain, inputs } of graph.nodes) {
    if (op !== 'Linear' || domain !== INTERNAL_DOMAIN) continue;
    const [, weight, bias] = inputs as [string, string, string | undefined];
    const module = bias?.endsWith('.bias') ? bias.slice(0, -'.bias'.length) : undefined;
    const name = `${module}.weight`;
    if (module !== undefined && !weight.includes('.weight') && !graph.tensors.has(name)) names.set(weight, name);
  }
  if (names.size === 0) return graph;
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      node.inputs.some((input) => names.has(input))
        ? { ...node, inputs: node.inputs.map((input) => names.get(input) ?? input) }
        : node,
    ),
    tensors: new Map([...graph.tensors].map(([name, tensor]) => [names.get(name) ?? name, tensor])),
  };
}
