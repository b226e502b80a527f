import {
  string,
  type Graph,
  type Node,
  makeNode,
  rewrite,
  viewOf,
  type View,
  evaluate,
  erf,
} from '@hadamard-adapter/graph/internal';

/** How far the written-out form reaches to either side of its `Erf` or `Tanh`; a few more than any exporter needs. */
const MAX_STEPS = 10;
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Erf', 'Tanh', 'Sqrt', 'Neg']);

/** Points that tell GELU from its neighbours: its tanh and erf forms differ by up to 5e-4. */
const SAMPLES = Float64Array.of(-4, -2.5, -1.2, -0.6, -0.1, 0.3, 0.9, 1.7, 2.9, 4.2);
/** Constants rounded to float32 move GELU by 1e-7, those rounded to float16 by 3e-5. */
const TOLERANCE = { float32: 2e-6, float16: 1e-4 } as const;

type Approximation = 'none' | 'tanh';

/**
 * GELU written out becomes `Gelu` (ONNX opset 20) with its `approximate` attribute. Exporters order the factors x, ½
 * and 1 + erf(x/√2) in many ways, so it is recognised by value: around each Erf or Tanh, a stretch of elementwise nodes
 * with one free input that gives the numbers of GELU at the sample points is GELU.
 *
 * @param constants the type that the constants of the file were rounded to.
 */
export function fuseGelus(graph: Graph, constants: keyof typeof TOLERANCE = 'float32'): Graph {
  const tolerance = TOLERANCE[constants];
  const view = viewOf(graph);
  const found = new Map<Node, { input: string; approximate: Approximation }>();
  for (const node of graph.nodes) {
    if (node.domain !== '' || (node.op !== 'Erf' && node.op !== 'Tanh')) continue;
    const match = matchAround(node, view, tolerance);
    if (match !== undefined) found.set(match.end, match);
  }
  return rewrite(graph, (node) => {
    const match = found.get(node);
    if (match === undefined) return undefined;
    return {
      nodes: [
        makeNode('Gelu', [match.input], node.outputs, { approximate: string(match.approximate) }, { name: node.name }),
      ],
    };
  });
}

function matchAround(
  center: Node,
  view: View,
  tolerance: number,
): { end: Node; input: string; approximate: Approximation } | undefined {
  const approximate = center.op === 'Erf' ? 'none' : 'tanh';
  const inputs = ancestors(center, view);
  let end: Node | undefined = center;
  for (let step = 0; step < MAX_STEPS && end !== undefined; step++) {
    if (end !== center)
      for (const input of inputs)
        if (isGelu(input, end, view, approximate, tolerance)) return { end, input, approximate };
    end = onlyElementwiseConsumer(end, view);
  }
  return undefined;
}

/** Values that the argument of `center` may be computed from, nearest first: the candidates for x. */
function ancestors(center: Node, view: View): string[] {
  const candidates: string[] = [];
  const queue = [...center.inputs];
  while (queue.length > 0 && candidates.length < MAX_STEPS) {
    const value = queue.shift() as string;
    if (view.constant(value) !== undefined || candidates.includes(value)) continue;
    candidates.push(value);
    const producer = view.producer(value);
    if (producer !== undefined && producer.domain === '' && ELEMENTWISE.has(producer.op))
      queue.push(...producer.inputs);
  }
  return candidates;
}

function onlyElementwiseConsumer(node: Node, view: View): Node | undefined {
  const consumers = view.consumers(node.outputs[0] as string);
  const next = consumers.length === 1 ? consumers[0] : undefined;
  return next !== undefined && next.domain === '' && ELEMENTWISE.has(next.op) ? next : undefined;
}

function isGelu(input: string, end: Node, view: View, approximate: Approximation, tolerance: number): boolean {
  const region = regionBetween(input, end, view);
  if (region === undefined) return false;
  const output = end.outputs[0] as string;
  const stretch: Graph = {
    name: 'stretch',
    opsets: view.graph.opsets,
    inputs: [{ name: input, dtype: 'float32', dims: [SAMPLES.length] }],
    outputs: [{ name: output, dtype: 'float32', dims: [SAMPLES.length] }],
    nodes: region.nodes,
    tensors: region.constants,
  };
  const result = evaluate(stretch, { [input]: { dtype: 'float32', dims: [SAMPLES.length], data: SAMPLES } }).get(
    output,
  );
  if (result?.data?.length !== SAMPLES.length) return false;
  return result.data.every((y, i) => Math.abs(y - gelu(SAMPLES[i] as number, approximate)) <= tolerance);
}

/** The nodes between `input` and the output of `end`, if they depend on nothing else but scalars. */
function regionBetween(
  input: string,
  end: Node,
  view: View,
): { nodes: Node[]; constants: Graph['tensors'] } | undefined {
  const nodes = new Set<Node>();
  const constants = new Map<string, NonNullable<ReturnType<View['constant']>>>();
  const visit = (value: string): boolean => {
    if (value === input) return true;
    const constant = view.constant(value);
    if (constant !== undefined) {
      constants.set(value, constant);
      return view.scalar(value) !== undefined;
    }
    const node = view.producer(value);
    if (node === undefined || node.domain !== '' || !ELEMENTWISE.has(node.op) || nodes.size > 2 * MAX_STEPS)
      return false;
    if (nodes.has(node)) return true;
    // Inputs first, so that insertion order is an order of evaluation.
    if (!node.inputs.every(visit)) return false;
    nodes.add(node);
    return true;
  };
  return visit(end.outputs[0] as string) ? { nodes: [...nodes], constants } : undefined;
}

/** GELU (Hendrycks & Gimpel, arXiv 1606.08415): x·Φ(x), or its tanh form. */
export function gelu(x: number, approximate: Approximation): number {
  if (approximate === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}
