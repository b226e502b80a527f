import {
  builderOn,
  factsOf,
  operatorOf,
  viewOf,
  type Builder,
  type Facts,
  type Graph,
  type Node,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { isSamePosition, pickOf, type Pick, type Position } from './support/picks.js';

/**
 * The selection moves from behind the last layer to in front of everything that treats each position by itself
 * (feed-forward, norms, W_O, adapters) and, in an attention, to the queries; keys and values are for all positions
 * still. What others read in full stays full and is cut behind. Computes the numbers it did before, and backward
 * follows forward.
 */
export const selectPosition: Pass = {
  name: 'select-position',
  does: 'Computes the last layer for one position only, where the classifier reads one.',
  needs: 'attention and linear layers are one node each',
  guarantees: 'nothing is computed for positions that nobody reads, behind the last attention',
  run: selected,
};

function selected(graph: Graph): Graph {
  const view = viewOf(graph);
  const picks = graph.nodes.flatMap((node) => pickOf(node, view) ?? []);
  const position = picks[0]?.position;
  if (position === undefined) return graph;
  const used = picks.filter((pick) => isSamePosition(pick.position, position));
  const plan = planSelection(graph, view, used, position);
  return plan.restricted.size === 0 ? graph : restrict(graph, view, used, position, plan);
}

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
function planSelection(graph: Graph, view: View, picks: readonly Pick[], position: Position): Plan {
  const facts = factsOf(graph);
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
    const { dtype, dims } = facts.of(value) ?? { dims: [] };
    return dtype === 'float32' && axis === dims.length - 2 && dims.length >= 3;
  };

  for (const node of graph.nodes.toReversed()) {
    const pick = byNode.get(node);
    if (pick !== undefined) {
      want(pick.source, 1);
      for (const input of node.inputs) if (input !== pick.source) full.add(input);
      continue;
    }
    const [output = ''] = node.outputs;
    const axes = wanted.get(output);
    const axis = axes?.length === 1 ? axes[0] : undefined;
    const others = node.outputs.slice(1).some((value) => value !== '' && view.consumers(value).length > 0);
    const inputs = axis === undefined || full.has(output) || others ? undefined : inputAxes(node, axis, facts, view);
    // An axis that cannot be cut in an input has to be followed all the way, which nobody promises: better to cut here.
    const passes =
      inputs !== undefined && inputs.every((at, i) => at === undefined || cuttable(node.inputs[i] ?? '', at));
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

/** Which axes of its inputs a node needs the position of, see `AxisRule`. */
function inputAxes(node: Node, axis: number, facts: Facts, view: View): readonly (number | undefined)[] | undefined {
  return operatorOf(node).axes?.({
    node,
    axis,
    dims: (value) => (value === '' ? undefined : facts.dims(value)),
    constant: (value) => view.constant(value),
  });
}

/** The graph as planned: the axis of the position stays, of size 1. */
function restrict(
  graph: Graph,
  view: View,
  picks: readonly Pick[],
  position: Position,
  { restricted, cut }: Plan,
): Graph {
  const builder = builderOn(graph, { from: 'nothing' });
  const facts = factsOf(graph);
  const byNode = new Map(picks.map((pick) => [pick.node, pick]));
  const selected = new Map<string, string>();
  const key = (value: string, axis: number): string => `${axis} ${value}`;
  const cutValue = (value: string): void => {
    for (const axis of cut.get(value) ?? []) selected.set(key(value, axis), cutAlong(builder, value, axis, position));
  };
  for (const { name } of graph.inputs) cutValue(name);
  for (const node of graph.nodes) {
    const pick = byNode.get(node);
    const [output = ''] = node.outputs;
    if (pick !== undefined) {
      const value = selected.get(key(pick.source, 1)) ?? pick.source;
      if (pick.drops) builder.emit('Squeeze', [value, builder.ints([1])], {}, { output });
      else builder.emit('Identity', [value], {}, { output });
      continue;
    }
    const axis = restricted.get(node);
    if (axis === undefined) builder.keep(node);
    else {
      const axes = inputAxes(node, axis, facts, view) ?? [];
      const inputs = node.inputs.map((input, i) => {
        const at = axes[i];
        return at === undefined ? input : (selected.get(key(input, at)) ?? input);
      });
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
