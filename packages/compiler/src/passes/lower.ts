import {
  floatAttribute,
  int,
  intAttribute,
  operatorName,
  stringAttribute,
  type Graph,
  type Node,
  buildOn,
  type Builder,
  makeNode,
  isConstantDim,
  probe,
  type Dim,
  indexGraph,
  swapLastAxes,
  attentionScale,
  viewOf,
  type View,
  normalDistribution,
} from '@hadamard-adapter/graph/internal';
import { mergeTransposes } from './reshape.js';
import { accumulateInLinears } from './accumulate.js';

/**
 * Write the internal forms as operators that every ONNX runtime has (opset 18, standard domain): `Linear` as Gemm over
 * all rows, `QuantizedLinear` as integers, `Attention` as two products around a softmax, `Gelu` as Erf or Tanh,
 * `RMSNormalization` as a mean and a root. The last step before a graph is written.
 */
export function lower(graph: Graph): Graph {
  const source = dropUnusedOutputs(accumulateInLinears(graph));
  const builder = buildOn(source, probe(source), 'nothing');
  const quantized: Quantized = new Map();
  const view = viewOf(source);
  for (const node of source.nodes) {
    const lowering = LOWERINGS[operatorName(node)];
    if (lowering === undefined) builder.keep(node);
    else lowering(node, builder, quantized, view);
  }
  return mergeTransposes(builder.finish(source.outputs.map(({ name }) => name)));
}

/** ONNX's number for float32. */
const FLOAT = 1;

type Lowering = (node: Node, builder: Builder, quantized: Quantized, view: View) => void;

/** Values that were quantized, by name: queries, keys and values read the same one. */
type Quantized = Map<string, { readonly levels: string; readonly scale: string; readonly zero: string }>;

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  'hadamard:Linear': lowerLinear,
  'hadamard:QuantizedLinear': lowerQuantizedLinear,
  Attention: lowerAttention,
  Gelu: lowerGelu,
  RMSNormalization: lowerRmsNormalization,
};

/**
 * Gemm knows two dimensions only: rows are flattened in front and given their shape back behind, which moves no data.
 */
function lowerLinear(node: Node, builder: Builder): void {
  const [x, weight, bias] = node.inputs as [string, string, string | undefined];
  const output = node.outputs[0] as string;
  const dims = builder.dims(x);
  const [from, to] = [builder.dims(x).at(-1) as Dim, builder.dims(output).at(-1) as Dim];
  const transB = int(intAttribute(node, 'transB', 0));
  const flat = (value: string, [width]: Dim): string =>
    builder.dims(value).length <= 2 ? value : builder.emit('Reshape', [value, builder.ints([-1, width])]);
  const operands = [flat(x, from), weight, ...(bias === undefined || bias === '' ? [] : [flat(bias, to)])];
  if (dims.length === 2) {
    builder.emit('Gemm', operands, { transB }, { output });
    return;
  }
  const product = builder.emit('Gemm', operands, { transB });
  builder.emit('Reshape', [product, rowShape(builder, x, to)], {}, { output });
}

/**
 * In the order in which quantizers write it, so that a runtime computes the same bits as from the original file, and
 * fuses the same nodes.
 */
function lowerQuantizedLinear(node: Node, builder: Builder, quantized: Quantized): void {
  const [x, weight, scale, zero, bias] = node.inputs as [
    string,
    string,
    string,
    string | undefined,
    string | undefined,
  ];
  const output = node.outputs[0] as string;
  const known = quantized.get(x) ?? quantize(x, builder);
  quantized.set(x, known);
  const operands = [known.levels, weight, known.zero, ...(zero === undefined || zero === '' ? [] : [zero])];
  const sums = builder.emit('Cast', [builder.emit('MatMulInteger', operands)], { to: int(FLOAT) });
  const scales = builder.emit('Mul', [known.scale, scale]);
  if (bias === undefined || bias === '') builder.emit('Mul', [sums, scales], {}, { output });
  else builder.emit('Add', [builder.emit('Mul', [sums, scales]), bias], {}, { output });
}

function quantize(x: string, builder: Builder): { levels: string; scale: string; zero: string } {
  const [levels, scale, zero] = [builder.fresh(`${x}_levels`), builder.fresh(`${x}_scale`), builder.fresh(`${x}_zero`)];
  builder.keep(makeNode('DynamicQuantizeLinear', [x], [levels, scale, zero]));
  return { levels, scale, zero };
}

/** The shape of `like` with another last dimension, int64; shared by every Linear of the same rows. */
function rowShape(builder: Builder, like: string, last: Dim): string {
  // How many labels there are may be open until the adapter is known.
  const open = !isConstantDim(last);
  const width = open ? -1 : last[0];
  const leading = builder.dims(like).slice(0, -1);
  if (leading.every(isConstantDim)) return builder.ints([...leading.map(([size]) => size), width]);
  if (!open && leading.filter((dim) => !isConstantDim(dim)).length === 1) {
    return builder.ints([...leading.map((dim) => (isConstantDim(dim) ? dim[0] : -1)), width]);
  }
  const rows = builder.emit('Shape', [like], { start: int(0), end: int(-1) });
  return builder.emit('Concat', [rows, builder.ints([width])], { axis: int(0) });
}

/** The scale goes on the queries: [.., s, d] numbers rather than [.., s, t]. */
function lowerAttention(node: Node, builder: Builder): void {
  const [query, key, value, bias] = node.inputs as [string, string, string, string | undefined];
  const [output, probabilities] = node.outputs as [string, string | undefined];
  const scaled = builder.emit('Mul', [query, builder.scalar(attentionScale(node, builder.dims(query)))]);
  const scores = builder.emit('MatMul', [scaled, swapLastAxes(builder, key)]);
  const biased = bias === undefined || bias === '' ? scores : builder.emit('Add', [scores, bias]);
  const named = probabilities === undefined || probabilities === '' ? {} : { output: probabilities };
  const weights = builder.emit('Softmax', [biased], { axis: int(-1) }, named);
  // Computed again for its probabilities alone, it gives no context.
  if (output !== '') builder.emit('MatMul', [weights, value], {}, { output });
}

/**
 * In the order of factors that ONNX Runtime fuses back into one kernel; in training, where the slope needs the
 * distribution too, as x·Φ(x), so that it is there once.
 */
function lowerGelu(node: Node, builder: Builder, _: Quantized, view: View): void {
  const [x, output] = [node.inputs[0] as string, node.outputs[0] as string];
  if (
    stringAttribute(node, 'approximate', 'none') === 'none' &&
    view.consumers(x).some(({ op, inputs }) => op === 'Div' && inputs[0] === x)
  ) {
    builder.emit('Mul', [x, normalDistribution(builder, x).distribution], {}, { output });
    return;
  }
  const scalar = (value: number): string => builder.scalar(value);
  if (stringAttribute(node, 'approximate', 'none') === 'tanh') {
    const cube = builder.emit('Mul', [builder.emit('Mul', [builder.emit('Mul', [x, x]), x]), scalar(0.044715)]);
    const inner = builder.emit('Mul', [builder.emit('Add', [x, cube]), scalar(Math.sqrt(2 / Math.PI))]);
    const factor = builder.emit('Add', [builder.emit('Tanh', [inner]), scalar(1)]);
    builder.emit('Mul', [builder.emit('Mul', [x, factor]), scalar(0.5)], {}, { output });
    return;
  }
  const error = builder.emit('Erf', [builder.emit('Div', [x, scalar(Math.SQRT2)])]);
  const twice = builder.emit('Mul', [x, builder.emit('Add', [error, scalar(1)])]);
  builder.emit('Mul', [twice, scalar(0.5)], {}, { output });
}

/** The operator exists from opset 23 on only. */
function lowerRmsNormalization(node: Node, builder: Builder): void {
  const [x, scale] = node.inputs as [string, string];
  const [output, inverse] = node.outputs as [string, string | undefined];
  const mean = builder.emit('ReduceMean', [builder.emit('Mul', [x, x]), builder.ints([-1])], { keepdims: int(1) });
  const root = builder.emit('Sqrt', [
    builder.emit('Add', [mean, builder.scalar(floatAttribute(node, 'epsilon', 1e-5))]),
  ]);
  const factor = builder.emit(
    'Reciprocal',
    [root],
    {},
    inverse === undefined || inverse === '' ? {} : { output: inverse },
  );
  builder.emit('Mul', [builder.emit('Mul', [x, factor]), scale], {}, { output });
}

/** Optional outputs that nobody reads are left out: a runtime would compute and store them. */
function dropUnusedOutputs(graph: Graph): Graph {
  const { consumers, outputs } = indexGraph(graph);
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      if (node.outputs.length === 1) return node;
      const used = node.outputs.map((output) => (consumers.has(output) || outputs.has(output) ? output : ''));
      while (used.at(-1) === '') used.pop();
      return { ...node, outputs: used };
    }),
  };
}
