import {
  intAttribute,
  intsAttribute,
  operatorName,
  type Graph,
  type Node,
  buildOn,
  type Builder,
  viewOf,
  type View,
  toNumbers,
  dimsOf,
  isConstantDim,
  isSequence,
  probe,
  sameDim,
  type Dim,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/** One position of each example: the same one for all, or the one at which a row of [batch, 1, sequence] is 1. */
type Position = { readonly index: number } | { readonly oneHot: string };

/**
 * A node that picks a position of a value [batch, sequence, width]; with `drops`, its result has no axis for it any
 * more.
 */
interface Pick {
  readonly node: Node;
  readonly source: string;
  readonly position: Position;
  readonly drops: boolean;
}

/**
 * Where a classifier reads one position, the last layer is computed for that position only: the selection moves from
 * behind the last layer to in front of everything that treats each position by itself (feed-forward, norms, W_O,
 * adapters) and, in an attention, to the queries; keys and values are for all positions still. What others read in full
 * stays full and is cut behind. Computes the numbers it did before, and backward follows forward.
 */
export function selectPosition(graph: Graph): Graph {
  const shapes = probe(graph);
  const view = viewOf(graph);
  const picks = graph.nodes.flatMap((node) => pickOf(node, view, shapes) ?? []);
  const position = picks[0]?.position;
  if (position === undefined) return graph;
  const used = picks.filter((pick) => samePosition(pick.position, position));
  const plan = planSelection(graph, view, shapes, used, position);
  return plan.restricted.size === 0 ? graph : restrict(graph, view, shapes, used, position, plan);
}

/** The Slice, Gather or product with a one-hot row that picks a position. */
function pickOf(node: Node, view: View, shapes: Probe): Pick | undefined {
  if (node.domain !== '') return undefined;
  const source = node.inputs[node.op === 'MatMul' ? 1 : 0] as string;
  const dims = dimsOf(shapes, source);
  if (dims?.length !== 3 || !isSequence(dims[1])) return undefined;
  const numbers = (input: number): readonly number[] | undefined => {
    const tensor = view.constant(node.inputs[input]);
    return tensor === undefined ? undefined : [...toNumbers(tensor)];
  };
  if (node.op === 'Slice') {
    const [[start, more], [end], [axis]] = [numbers(1) ?? [], numbers(2) ?? [], numbers(3) ?? []];
    const steps = node.inputs[4] === undefined ? [1] : numbers(4);
    const single =
      start !== undefined && more === undefined && start >= 0 && end === start + 1 && axis === 1 && steps?.[0] === 1;
    return single ? { node, source, position: { index: start }, drops: false } : undefined;
  }
  if (node.op === 'Gather') {
    const tensor = view.constant(node.inputs[1]);
    const index = view.scalar(node.inputs[1]);
    const single =
      intAttribute(node, 'axis', 0) === 1 && tensor?.dims.length === 0 && index !== undefined && index >= 0;
    return single ? { node, source, position: { index }, drops: true } : undefined;
  }
  const rows = node.op === 'MatMul' ? (node.inputs[0] as string) : undefined;
  return rows !== undefined && isOneHot(shapes, rows)
    ? { node, source, position: { oneHot: rows }, drops: false }
    : undefined;
}

/** Whether a value [batch, 1, sequence] has a single 1 in each row at the probe inputs, among zeros. */
function isOneHot(shapes: Probe, value: string): boolean {
  const dims = dimsOf(shapes, value);
  if (dims?.length !== 3 || dims[1]?.[0] !== 1 || !isConstantDim(dims[1]) || !isSequence(dims[2])) return false;
  return shapes.every((values) => {
    const { data, dims: [rows = 0, , width = 0] = [] } = values.get(value) ?? {};
    return (
      data !== undefined &&
      Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width)).every(
        (row) => row.every((x) => x === 0 || x === 1) && row.reduce((a, b) => a + b, 0) === 1,
      )
    );
  });
}

const samePosition = (left: Position, right: Position): boolean =>
  'index' in left ? 'index' in right && left.index === right.index : 'oneHot' in right && left.oneHot === right.oneHot;

interface Plan {
  /** Nodes that are computed for the position alone, and along which axis of their output. */
  readonly restricted: ReadonlyMap<Node, number>;
  /** Values that are computed in full and cut, and along which axes. */
  readonly cut: ReadonlyMap<string, readonly number[]>;
}

/**
 * Walks backwards: a node whose every reader wants the position alone computes nothing else, if it treats positions one
 * by one.
 */
function planSelection(graph: Graph, view: View, shapes: Probe, picks: readonly Pick[], position: Position): Plan {
  const byNode = new Map(picks.map((pick) => [pick.node, pick]));
  const restricted = new Map<Node, number>();
  const cut = new Map<string, readonly number[]>();
  /** Axes along which readers want the position alone; two for a square of scores that is read both ways. */
  const wanted = new Map<string, readonly number[]>();
  const full = new Set<string>(graph.outputs.map(({ name }) => name));
  const want = (value: string, axis: number): void => {
    wanted.set(value, [...new Set([...(wanted.get(value) ?? []), axis])]);
  };
  // Only what a restricted reader wants can be cut behind a value that is computed in full; integers are not multiplied
  // by a one-hot row.
  const cuttable = (value: string, axis: number): boolean => {
    if ('index' in position) return true;
    const dims = dimsOf(shapes, value) as readonly Dim[];
    return shapes[0].get(value)?.dtype === 'float32' && axis === dims.length - 2 && dims.length >= 3;
  };

  for (const node of graph.nodes.toReversed()) {
    const pick = byNode.get(node);
    if (pick !== undefined) {
      want(pick.source, 1);
      for (const input of node.inputs) if (input !== pick.source) full.add(input);
      continue;
    }
    const output = node.outputs[0] as string;
    const axes = wanted.get(output);
    const axis = axes?.length === 1 ? axes[0] : undefined;
    const others = node.outputs.slice(1).some((value) => value !== '' && view.consumers(value).length > 0);
    const inputs = axis === undefined || full.has(output) || others ? undefined : inputAxes(node, axis, shapes, view);
    // An axis that cannot be cut in an input has to be followed all the way, which nobody promises: better to cut here.
    const passes =
      inputs !== undefined && inputs.every((at, i) => at === undefined || cuttable(node.inputs[i] as string, at));
    if (axis !== undefined && passes) {
      restricted.set(node, axis);
      node.inputs.forEach((input, i) => {
        const at = inputs[i];
        if (at === undefined) full.add(input);
        else want(input, at);
      });
      continue;
    }
    for (const value of node.outputs) {
      const along = wanted.get(value);
      if (along !== undefined) cut.set(value, along);
    }
    for (const input of node.inputs) full.add(input);
  }
  for (const { name } of graph.inputs) {
    const axes = wanted.get(name);
    if (axes !== undefined) cut.set(name, axes);
  }
  return { restricted, cut };
}

/** Operators that compute each element from the elements that broadcast to its place. */
const ELEMENTWISE = new Set(
  [
    'Abs',
    'Add',
    'And',
    'Cast',
    'Clip',
    'Cos',
    'Div',
    'Equal',
    'Erf',
    'Exp',
    'Gelu',
    'Greater',
    'GreaterOrEqual',
    'Identity',
    'Less',
    'LessOrEqual',
    'Log',
    'Max',
    'Min',
    'Mul',
    'Neg',
    'Not',
    'Or',
    'Pow',
  ].concat(['Reciprocal', 'Relu', 'Sigmoid', 'Sin', 'Softplus', 'Sqrt', 'Sub', 'Sum', 'Tanh', 'Where']),
);

/**
 * For each input of a node the axis along which only the position is needed when only it is wanted along `axis` of the
 * output; undefined for an input that is needed as it is. Undefined for a node that mixes positions, or is not known
 * not to. (A `QuantizedLinear` mixes them: it rounds by the range of all its rows.)
 */
function inputAxes(node: Node, axis: number, shapes: Probe, view: View): (number | undefined)[] | undefined {
  const output = dimsOf(shapes, node.outputs[0] as string);
  if (output === undefined) return undefined;
  const last = output.length - 1;
  const first = (at: number): (number | undefined)[] => node.inputs.map((_, i) => (i === 0 ? at : undefined));
  /** The axis of an operand that broadcasts to the output, where it has one of more than 1. */
  const aligned = (input: string): number | undefined => {
    const dims = input === '' ? undefined : dimsOf(shapes, input);
    const at = axis - (output.length - (dims?.length ?? 0));
    return dims !== undefined && at >= 0 && sameDim(dims[at], output[axis]) ? at : undefined;
  };
  const name = operatorName(node);
  if (ELEMENTWISE.has(name)) return node.inputs.map(aligned);
  switch (name) {
    case 'hadamard:Linear':
      return axis < last ? first(axis) : undefined;
    case 'LayerNormalization':
    case 'RMSNormalization':
    case 'Softmax': {
      const normalized = intAttribute(node, 'axis', -1);
      return axis < last && (normalized === -1 || normalized === last) ? first(axis) : undefined;
    }
    case 'Transpose': {
      const source = intsAttribute(node, 'perm')?.[axis];
      return source === undefined ? undefined : first(source);
    }
    case 'Reshape':
      return keepsAxis(node, axis, output, shapes, view) ? first(axis) : undefined;
    case 'Attention':
      return axis === 2
        ? node.inputs.map((input, i) => (i === 0 ? 2 : i === 3 ? aligned(input) : undefined))
        : undefined;
    case 'MatMul':
      return axis === last - 1 && last >= 2 ? [aligned(node.inputs[0] as string), undefined] : undefined;
    case 'GatherElements': {
      const along = (intAttribute(node, 'axis', 0) + output.length) % output.length;
      const source = dimsOf(shapes, node.inputs[0] as string);
      // Indices are cut; what they point into as well, unless they point along this very axis.
      return axis === along ? [undefined, axis] : sameDim(source?.[axis], output[axis]) ? [axis, axis] : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * Whether a Reshape with a constant target leaves `axis` where it is, whatever its size: the axes in front are the
 * same, and the target does not name its size.
 */
function keepsAxis(node: Node, axis: number, output: readonly Dim[], shapes: Probe, view: View): boolean {
  const input = dimsOf(shapes, node.inputs[0] as string);
  const target = view.constant(node.inputs[1]);
  if (input === undefined || target === undefined) return false;
  const size = toNumbers(target)[axis];
  return (
    (size === 0 || size === -1) &&
    intAttribute(node, 'allowzero', 0) === 0 &&
    output.slice(0, axis + 1).every((dim, i) => sameDim(dim, input[i]))
  );
}

/** The graph as planned: the axis of the position stays, of size 1. */
function restrict(
  graph: Graph,
  view: View,
  shapes: Probe,
  picks: readonly Pick[],
  position: Position,
  { restricted, cut }: Plan,
): Graph {
  const builder = buildOn(graph, shapes, 'nothing');
  const byNode = new Map(picks.map((pick) => [pick.node, pick]));
  const selected = new Map<string, string>();
  const key = (value: string, axis: number): string => `${axis} ${value}`;
  const cutValue = (value: string): void => {
    for (const axis of cut.get(value) ?? []) selected.set(key(value, axis), cutAlong(builder, value, axis, position));
  };
  for (const { name } of graph.inputs) cutValue(name);
  for (const node of graph.nodes) {
    const pick = byNode.get(node);
    const output = node.outputs[0] as string;
    if (pick !== undefined) {
      const value = selected.get(key(pick.source, 1)) as string;
      if (pick.drops) builder.emit('Squeeze', [value, builder.ints([1])], {}, { output });
      else builder.emit('Identity', [value], {}, { output });
      continue;
    }
    const axis = restricted.get(node);
    if (axis === undefined) builder.keep(node);
    else {
      const axes = inputAxes(node, axis, shapes, view) as (number | undefined)[];
      const inputs = node.inputs.map((input, i) =>
        axes[i] === undefined ? input : (selected.get(key(input, axes[i])) as string),
      );
      // Nobody reads it in full any more, so it keeps its name.
      selected.set(key(output, axis), builder.emit(node.op, inputs, node.attributes, { domain: node.domain, output }));
    }
    node.outputs.forEach(cutValue);
  }
  return builder.finish(graph.outputs.map(({ name }) => name));
}

/** The value at the position, its axis kept with size 1. */
function cutAlong(builder: Builder, value: string, axis: number, position: Position): string {
  if ('index' in position)
    return builder.emit('Slice', [
      value,
      builder.ints([position.index]),
      builder.ints([position.index + 1]),
      builder.ints([axis]),
    ]);
  const more = builder.dims(value).length - 3;
  const rows =
    more === 0
      ? position.oneHot
      : builder.emit('Unsqueeze', [position.oneHot, builder.ints(Array.from({ length: more }, (_, i) => i + 1))]);
  return builder.emit('MatMul', [rows, value]);
}
