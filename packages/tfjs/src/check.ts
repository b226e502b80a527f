import { compileForward, rotaryTables, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import {
  evaluateNode,
  operatorName,
  elementCount,
  type Graph,
  type Node,
  type Value,
} from '@hadamard-adapter/graph/internal';
import { kernelMissing } from './failures.js';
import { constantValue, knownValue } from './graph/operand.js';
import { operatorFor } from './ops/index.js';
import { checkAxis } from './ops/normalization.js';
import type { Tf } from './tf.js';

/** Kernels of TensorFlow.js behind the operators that not every backend has, those of their gradients included. */
const KERNELS: Readonly<Record<string, readonly string[]>> = {
  Erf: ['Erf', 'Exp'],
  Gather: ['GatherV2', 'UnsortedSegmentSum'],
  GatherElements: ['GatherV2', 'UnsortedSegmentSum'],
  Gelu: ['Erf', 'Exp'],
  LayerNormalization: ['Mean', 'Rsqrt', 'Square', 'Pow'],
  RMSNormalization: ['Mean', 'Rsqrt', 'Square', 'Pow'],
  Relu: ['Relu', 'Step'],
  Where: ['Select', 'ZerosLike'],
  'hadamard:QuantizedLinear': ['Round', 'Min', 'Max', 'ClipByValue'],
};

/** Of every model: products, sums, and cutting parameters out of one vector. */
const ALWAYS = ['BatchMatMul', 'Concat', 'Multiply', 'Reshape', 'Softmax', 'SplitV', 'Sum', 'Transpose'];

/** Sizes at which it is seen what runs on the device. */
const TRIAL = { batch: 2, sequence: 4 };

/**
 * Refuse a model that TensorFlow.js cannot run or differentiate before anything is computed.
 *
 * @throws UnsupportedError OPERATOR_TFJS, KERNEL_MISSING; both name node and device.
 */
export function checkOperators(tf: Tf, device: string, model: AdapterModel): void {
  const { graph } = compileForward(model, 'loss');
  for (const kernel of ALWAYS) demandKernel(tf, device, kernel, 'every model');
  const { nodes, ranks } = deviceNodes(graph);
  for (const node of nodes) {
    operatorFor(node);
    checkAxis(node, ranks.get(node.inputs[0] ?? '') ?? 0);
    for (const kernel of KERNELS[operatorName(node)] ?? [])
      demandKernel(tf, device, kernel, `${operatorName(node)} "${node.name}"`);
  }
}

function demandKernel(tf: Tf, device: string, kernel: string, where: string): void {
  if (tf.getKernel(kernel, device) === undefined) throw kernelMissing(tf, device, kernel, `needed by ${where}`);
}

/** Nodes whose results are not known from shapes and token ids, and how many axes every value has. */
function deviceNodes(graph: Graph): { nodes: Node[]; ranks: ReadonlyMap<string, number> } {
  const angles = rotaryTables(graph);
  const values = new Map<string, Value>();
  for (const { name, dtype, dims } of graph.inputs) {
    const sizes = dims.map((size, axis) =>
      typeof size === 'number' ? size : axis === 0 || size === 'batch' ? TRIAL.batch : TRIAL.sequence,
    );
    // Token ids are known, parameters and targets are not.
    values.set(name, {
      dtype,
      dims: sizes,
      ...(dtype === 'float32' ? {} : { data: new Float64Array(elementCount(sizes)).fill(1) }),
    });
  }
  const lookUp = (name: string): Value | undefined => {
    const known = values.get(name);
    const tensor = graph.tensors.get(name);
    if (known !== undefined || tensor === undefined) return known;
    const value = angles.has(name) ? knownValue(tensor) : constantValue(tensor);
    values.set(name, value);
    return value;
  };
  const nodes = graph.nodes.filter((node) => {
    const outputs = evaluateNode(
      node,
      node.inputs.map((name) => (name === '' ? undefined : lookUp(name))),
      { maxElements: Number.POSITIVE_INFINITY },
    );
    // Optional outputs that nobody asked for have no name.
    node.outputs.forEach((name, i) => {
      const value = outputs[i];
      if (value !== undefined) values.set(name, value);
    });
    return outputs.some(({ data }) => data === undefined);
  });
  return { nodes, ranks: new Map([...values].map(([name, { dims }]) => [name, dims.length])) };
}
