import {
  elementCount,
  fromNumbers,
  inferNode,
  isSized,
  operatorOf,
  prune,
  valueOfTensor,
  type Fact,
  type Graph,
  type Node,
  type Tensor,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const foldConstants: Pass = {
  name: 'fold-constants',
  does: 'Computes what depends on small constants alone: axes, shapes, scalars.',
  needs: 'operators in their form at opset 18',
  guarantees: 'what is the same for every input is a tensor',
  run: folded,
};

/** Tables of integers larger than this are left to be computed when the graph runs. */
const MAX_FOLDED_ELEMENTS = 65_536;

function folded(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const known = new Map<string, Fact>();
  const lookUp = (name: string): Fact | undefined => {
    const seen = known.get(name);
    const tensor = tensors.get(name);
    if (seen !== undefined || tensor === undefined || tensor.dtype === 'string') return seen;
    const isSmall = elementCount(tensor.dims) <= MAX_FOLDED_ELEMENTS;
    const value: Fact = isSmall ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    known.set(name, value);
    return value;
  };
  const nodes = graph.nodes.filter((node) => {
    const results = foldNode(node, lookUp);
    for (const [i, tensor] of results.entries()) {
      const output = node.outputs[i];
      if (output !== undefined && output !== '') tensors.set(output, tensor);
    }
    return results.length === 0;
  });
  return prune({ ...graph, nodes, tensors });
}

/** The outputs of a node as tensors; none where it has to be computed when the graph runs. */
function foldNode(node: Node, lookUp: (name: string) => Fact | undefined): Tensor[] {
  if (node.inputs.length === 0) return [];
  const inputs = node.inputs.map(lookUp);
  const readsShapeOnly = operatorOf(node).readsShapeOnly === true;
  // A vector or matrix of floats is a weight, however small: folding would hide it behind a value without a name, and
  // copy it. Runtimes fold such things when they load.
  const isWeight = (value: Fact | undefined): boolean =>
    value !== undefined && isSized(value) && /float/.test(value.dtype) && elementCount(value.dims) > 1;
  if (!readsShapeOnly && inputs.some(isWeight)) return [];
  const isOpen = (value: Fact | undefined, i: number): boolean =>
    node.inputs[i] !== '' && (value === undefined || (value.data === undefined && !readsShapeOnly));
  if (inputs.some(isOpen)) return [];
  const tensors = inferNode(node, inputs, { maxElements: MAX_FOLDED_ELEMENTS }).map(tensorOf);
  const complete = tensors.filter((tensor) => tensor !== undefined);
  return complete.length === tensors.length ? complete : [];
}

/** Floats, lengths and truth values; numbers of other types are left as the exporter computes them. */
const FOLDED: ReadonlySet<string> = new Set(['float32', 'int64', 'bool']);

function tensorOf(fact: Fact): Tensor | undefined {
  if (fact.data === undefined || !isSized(fact) || !FOLDED.has(fact.dtype)) return undefined;
  return fromNumbers(fact.dtype, fact.data, fact.dims);
}
