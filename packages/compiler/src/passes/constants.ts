import {
  type Graph,
  type Node,
  type Tensor,
  constantValue,
  prune,
  renameUses,
  elementCount,
  float32Tensor,
  int64Tensor,
  usedValues,
  inferNode,
  valueOfTensor,
  type Value,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/** Tables of integers larger than this are left to be computed when the graph runs. */
const MAX_FOLDED_ELEMENTS = 65_536;

/** `Constant` nodes become tensors, so that every later rule finds constants in one place. */
export function liftConstants(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.filter((node) => {
    if (node.op !== 'Constant' || node.domain !== '') return true;
    const tensor = constantValue(node);
    if (tensor === undefined) return true;
    tensors.set(node.outputs[0] as string, tensor);
    return false;
  });
  return { ...graph, nodes, tensors };
}

/** Remove what does nothing at inference: `Identity`, `Dropout`. */
export function dropIdentities(graph: Graph): Graph {
  const names = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const tensors = new Map(graph.tensors);
  const nodes = graph.nodes.filter((node) => {
    if (node.domain !== '' || (node.op !== 'Identity' && node.op !== 'Dropout')) return true;
    const [input, output] = [node.inputs[0], node.outputs[0]];
    if (input === undefined || output === undefined) return true;
    // An output must keep its name, so the identity in front of it stays.
    if (outputs.has(output)) return true;
    names.set(output, input);
    return false;
  });
  return renameUses({ ...graph, nodes, tensors }, names);
}

/** Remove casts to the type that a value has already: exporters write one wherever Python says `.float()`. */
export function dropCasts(graph: Graph, shapes: Probe): Graph {
  const names = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.filter((node) => {
    const [input, output] = [node.inputs[0], node.outputs[0]];
    if (node.op !== 'Cast' || node.domain !== '' || input === undefined || output === undefined || outputs.has(output))
      return true;
    const [from, to] = [shapes[0].get(input)?.dtype, shapes[0].get(output)?.dtype];
    if (from === undefined || from !== to) return true;
    names.set(output, input);
    return false;
  });
  return renameUses({ ...graph, nodes }, names);
}

/**
 * A norm without shift has one of zeros in exports before dynamo's, as a `Constant` among the nodes where parameters
 * are initializers. It is not a parameter of the model, so it must not become one. Looked at before constants are
 * lifted.
 */
export function dropZeroShifts(graph: Graph): Graph {
  const zeros = new Set(
    graph.nodes.flatMap((node) =>
      node.op === 'Constant' && node.domain === '' && constantValue(node)?.bytes.every((byte) => byte === 0) === true
        ? node.outputs
        : [],
    ),
  );
  if (zeros.size === 0) return graph;
  const nodes = graph.nodes.map((node) => {
    const shift = node.op === 'LayerNormalization' && node.domain === '' ? node.inputs[2] : undefined;
    return shift !== undefined && zeros.has(shift) ? { ...node, inputs: node.inputs.slice(0, 2) } : node;
  });
  const used = new Set([...nodes.flatMap((node) => [...usedValues(node)]), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, nodes: nodes.filter(({ outputs }) => !zeros.has(outputs[0] ?? '') || used.has(outputs[0] ?? '')) };
}

/** Compute what depends on small constants alone: axes, shapes, scalars. */
export function foldConstants(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const known = new Map<string, Value>();
  const lookUp = (name: string): Value | undefined => {
    if (name === '') return undefined;
    const seen = known.get(name);
    if (seen !== undefined) return seen;
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.dtype === 'string') return undefined;
    const small = elementCount(tensor.dims) <= MAX_FOLDED_ELEMENTS;
    const value: Value = small ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    known.set(name, value);
    return value;
  };
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const folded = foldNode(node, lookUp);
    if (folded === undefined) {
      nodes.push(node);
      continue;
    }
    folded.forEach((tensor, i) => {
      const name = node.outputs[i] as string;
      if (name !== '') tensors.set(name, tensor);
    });
  }
  return prune({ ...graph, nodes, tensors });
}

function foldNode(node: Node, lookUp: (name: string) => Value | undefined): Tensor[] | undefined {
  if (node.inputs.length === 0) return undefined;
  const inputs = node.inputs.map(lookUp);
  // A vector or matrix of floats is a weight, however small: folding would hide it behind a value without a name, and
  // copy it. Runtimes fold such things when they load.
  if (
    node.op !== 'Shape' &&
    inputs.some((value) => value !== undefined && /float/.test(value.dtype) && elementCount(value.dims) > 1)
  )
    return undefined;
  // `Shape` needs no data; everything else does.
  if (
    inputs.some(
      (value, i) => node.inputs[i] !== '' && (value === undefined || (value.data === undefined && node.op !== 'Shape')),
    )
  )
    return undefined;
  const outputs = inferNode(node, inputs, { maxElements: MAX_FOLDED_ELEMENTS });
  const tensors = outputs.map(tensorOfValue);
  return tensors.every((tensor) => tensor !== undefined) ? tensors : undefined;
}

function tensorOfValue({ dtype, dims, data }: Value): Tensor | undefined {
  if (data === undefined) return undefined;
  if (dtype === 'float32') return float32Tensor(data, dims);
  if (dtype === 'int64') return int64Tensor(data, dims);
  if (dtype === 'bool') return { dtype, dims, bytes: Uint8Array.from(data) };
  return undefined;
}
