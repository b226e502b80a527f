import {
  int,
  intAttribute,
  intsAttribute,
  type Graph,
  type Node,
  type Tensor,
  freshNames,
  int64Tensor,
  dimsOf,
  type Probe,
} from '@hadamard-adapter/graph/internal';
import { UnsupportedError } from '@hadamard-adapter/core';

/** The operator set every graph is brought to: the first in which all reductions take their axes as an input. */
export const TARGET_OPSET = 18;

const AXES_AS_INPUT_SINCE: Readonly<Record<string, number>> = {
  Squeeze: 13,
  Unsqueeze: 13,
  ReduceSum: 13,
  ReduceMean: 18,
  ReduceMax: 18,
  ReduceMin: 18,
  ReduceProd: 18,
  ReduceL1: 18,
  ReduceL2: 18,
  ReduceLogSum: 18,
  ReduceLogSumExp: 18,
  ReduceSumSquare: 18,
};

/**
 * Bring operators to their form in opset 18 (https://onnx.ai/onnx/operators, "Versions"), so that each rule knows one
 * form only. Operators whose meaning did not change between opset 11 and 18 pass through. `shapes` are those of the
 * graph as it came: old Softmax needs a rank.
 *
 * @throws UnsupportedError OPSET_SOFTMAX for an old Softmax over several axes, which has no per-axis equivalent.
 */
export function upgradeOperators(graph: Graph, shapes: Probe): Graph {
  const version = graph.opsets.get('') ?? TARGET_OPSET;
  if (version >= TARGET_OPSET) return graph;
  const tensors = new Map(graph.tensors);
  const fresh = freshNames(graph);
  const constant = (hint: string, tensor: Tensor): string => {
    const name = fresh(hint);
    tensors.set(name, tensor);
    return name;
  };
  const nodes = graph.nodes.map((node) => {
    if (node.domain !== '') return node;
    const since = AXES_AS_INPUT_SINCE[node.op];
    if (since !== undefined && version < since) return moveAxes(node, constant);
    if (node.op === 'Split') return upgradeSplit(node, version, constant);
    if ((node.op === 'Softmax' || node.op === 'LogSoftmax') && version < 13) return upgradeSoftmax(node, shapes);
    return node;
  });
  return { ...graph, nodes, tensors, opsets: new Map(graph.opsets).set('', TARGET_OPSET) };
}

type AddConstant = (hint: string, tensor: Tensor) => string;

function moveAxes(node: Node, constant: AddConstant): Node {
  const axes = intsAttribute(node, 'axes');
  if (axes === undefined) return node;
  const { axes: _, ...attributes } = node.attributes;
  const name = constant(`${node.outputs[0]}_axes`, int64Tensor(axes, [axes.length]));
  return { ...node, attributes, inputs: [node.inputs[0] as string, name] };
}

function upgradeSplit(node: Node, version: number, constant: AddConstant): Node {
  const sizes = version < 13 ? intsAttribute(node, 'split') : undefined;
  const { split: _, ...attributes } = node.attributes;
  if (sizes !== undefined) {
    const name = constant(`${node.outputs[0]}_split`, int64Tensor(sizes, [sizes.length]));
    return { ...node, attributes, inputs: [node.inputs[0] as string, name] };
  }
  const given = node.inputs[1] !== undefined && node.inputs[1] !== '';
  return given ? node : { ...node, attributes: { ...attributes, num_outputs: int(node.outputs.length) } };
}

/**
 * Before opset 13, Softmax flattened everything from `axis` on (default 1); that is the same only for the last axis.
 */
function upgradeSoftmax(node: Node, shapes: Probe): Node {
  const axis = intAttribute(node, 'axis', 1);
  const rank = dimsOf(shapes, node.inputs[0] as string)?.length;
  if (axis !== -1 && (rank === undefined || axis !== rank - 1)) {
    throw new UnsupportedError(`${node.op} "${node.name}" of an opset before 13 normalizes several axes at once`, {
      code: 'OPSET_SOFTMAX',
      found: `axis ${axis} of rank ${rank ?? 'unknown'}`,
      expected: 'the last axis',
      hint: 'Export the model again with opset 13 or later.',
    });
  }
  return { ...node, attributes: { ...node.attributes, axis: int(-1) } };
}
