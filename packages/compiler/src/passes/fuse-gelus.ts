import {
  evaluate,
  geluOf,
  operatorOf,
  rewrite,
  string,
  viewOf,
  type Graph,
  type Node,
  type Tensor,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { wasFloat16 } from './widen-float16.js';

/**
 * Exporters order the factors x, ½ and 1 + erf(x/√2) in many ways, so it is recognised by value: around each Erf or
 * Tanh, a stretch of elementwise nodes with one free input that gives the numbers of GELU at the sample points is GELU.
 */
export const fuseGelus: Pass = {
  name: 'fuse-gelus',
  does: 'Makes a GELU that is written out one node.',
  needs: 'constants folded',
  guarantees: 'GELUs are `Gelu` (ONNX opset 20) with the attribute `approximate`',
  run: fused,
};

/** How far the written-out form reaches to either side of its `Erf` or `Tanh`; a few more than any exporter needs. */
const MAX_STEPS = 10;

/** Points that tell GELU from its neighbours: its tanh and erf forms differ by up to 5e-4. */
const SAMPLES = Float64Array.of(-4, -2.5, -1.2, -0.6, -0.1, 0.3, 0.9, 1.7, 2.9, 4.2);

/** Constants rounded to float32 move GELU by 1e-7, those rounded to float16 by 3e-5. */
const TOLERANCE = { float32: 2e-6, float16: 1e-4 } as const;

interface Match {
  readonly end: Node;
  readonly input: string;
  readonly approximate: 'none' | 'tanh';
}

function fused(graph: Graph): Graph {
  const tolerance = TOLERANCE[wasFloat16(graph) ? 'float16' : 'float32'];
  const found = new Map<Node, Match>();
  const whole = viewOf(graph);
  for (const node of graph.nodes) {
    if (node.domain !== '' || (node.op !== 'Erf' && node.op !== 'Tanh')) continue;
    const match = matchAround(node, whole, tolerance);
    if (match !== undefined) found.set(match.end, match);
  }
  return rewrite(graph, (node, builder) => {
    const match = found.get(node);
    const [output] = node.outputs;
    if (match === undefined || output === undefined) return false;
    const attributes = { approximate: string(match.approximate) };
    builder.emit('Gelu', [match.input], attributes, { output, name: node.name });
    return true;
  });
}

function matchAround(center: Node, view: View, tolerance: number): Match | undefined {
  const approximate = center.op === 'Erf' ? 'none' : 'tanh';
  const inputs = ancestors(center, view);
  let end: Node | undefined = center;
  for (let step = 0; step < MAX_STEPS && end !== undefined; step++) {
    const last: Node = end;
    const input = last === center ? undefined : inputs.find((each) => isGelu(each, last, view, approximate, tolerance));
    if (input !== undefined) return { end: last, input, approximate };
    end = onlyElementwiseConsumer(last, view);
  }
  return undefined;
}

const isElementwise = (node: Node): boolean => operatorOf(node).isElementwise === true;

/** Values that the argument of `center` may be computed from, nearest first: the candidates for x. */
function ancestors(center: Node, view: View): string[] {
  const candidates: string[] = [];
  const queue = [...center.inputs];
  for (let value = queue.shift(); value !== undefined && candidates.length < MAX_STEPS; value = queue.shift()) {
    if (view.constant(value) !== undefined || candidates.includes(value)) continue;
    candidates.push(value);
    const producer = view.producer(value);
    if (producer !== undefined && isElementwise(producer)) queue.push(...producer.inputs);
  }
  return candidates;
}

function onlyElementwiseConsumer({ outputs: [output = ''] }: Node, view: View): Node | undefined {
  const [next, ...more] = view.consumers(output);
  return next !== undefined && more.length === 0 && isElementwise(next) ? next : undefined;
}

function isGelu(input: string, end: Node, view: View, approximate: string, tolerance: number): boolean {
  const [output = ''] = end.outputs;
  const stretch = stretchBetween(input, output, view);
  if (stretch === undefined) return false;
  const value = { dtype: 'float32', dims: [SAMPLES.length], data: SAMPLES } as const;
  const result = evaluate(stretch, { [input]: value }).get(output)?.data;
  if (result?.length !== SAMPLES.length) return false;
  return result.every((y, i) => Math.abs(y - geluOf(SAMPLES[i] ?? 0, approximate)) <= tolerance);
}

/** The nodes between `input` and `output` as a graph of their own, if they depend on nothing else but scalars. */
function stretchBetween(input: string, output: string, view: View): Graph | undefined {
  const nodes = new Set<Node>();
  const tensors = new Map<string, Tensor>();
  const visit = (value: string): boolean => {
    if (value === input) return true;
    const constant = view.constant(value);
    if (constant !== undefined) {
      tensors.set(value, constant);
      return view.scalar(value) !== undefined;
    }
    const node = view.producer(value);
    if (node === undefined || !isElementwise(node) || nodes.size > 2 * MAX_STEPS) return false;
    if (nodes.has(node)) return true;
    // Inputs first, so that insertion order is an order of evaluation.
    if (!node.inputs.every(visit)) return false;
    nodes.add(node);
    return true;
  };
  if (!visit(output)) return undefined;
  const info = (name: string): Graph['inputs'][number] => ({ name, dtype: 'float32', dims: [SAMPLES.length] });
  const { opsets } = view.graph;
  return { name: 'stretch', opsets, inputs: [info(input)], outputs: [info(output)], nodes: [...nodes], tensors };
}
