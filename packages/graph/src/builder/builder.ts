import { MismatchError } from '../errors.js';
import type { Dim, Probe } from '../reference/probe.js';
import { inferNode } from '../operators/registry.js';
import type { Value } from '../shapes/value.js';
import type { Attributes, Graph, Node, ValueInfo } from '../ir/graph.js';
import type { DataType, Tensor } from '../tensors/tensor.js';
import { freshNames } from '../ir/names.js';
import { prune } from '../ir/prune.js';
import { makeNode } from '../ir/rewrite.js';
import { sortNodes } from '../ir/sort.js';
import { float32Tensor, int64Tensor } from '../tensors/elements.js';

/** Adds nodes to a graph, knowing the shape of every value as it goes. */
export interface Builder {
  /** Add a node and answer the name of its first output. */
  emit(op: string, inputs: readonly string[], attributes?: Attributes, options?: EmitOptions): string;
  /** Add a node as it is. */
  keep(node: Node): void;
  /** A name that no value has yet, for nodes that are kept. */
  fresh(stem: string): string;
  /** A constant of type float32; equal constants are shared. */
  scalar(value: number): string;
  /** A one-dimensional float32 constant of `size` equal numbers; equal constants are shared. */
  filled(value: number, size: number): string;
  /** A one-dimensional int64 constant; equal constants are shared. */
  ints(values: readonly number[]): string;
  /** An int64 constant without dimensions; equal constants are shared. */
  axis(value: number): string;
  /** Declare a further input of the graph. */
  input(info: ValueInfo, dims: readonly [readonly number[], readonly number[]]): string;
  dims(value: string): readonly Dim[];
  dtype(value: string): DataType | undefined;
  /** The data of a value that is the same at every size: a constant, or computed from constants. */
  constantData(value: string): Float64Array | undefined;
  /** The graph with the added nodes in order and these outputs; what they do not need is gone. */
  finish(outputs: readonly string[]): Graph;
}

export interface EmitOptions {
  readonly domain?: string;
  /** Name of the output; made up from the operator when absent. */
  readonly output?: string;
}

/**
 * @param from `graph`: add to its nodes; `nothing`: write all nodes anew, under names that the graph does not use yet.
 */
export function buildOn(graph: Graph, shapes: Probe, from: 'graph' | 'nothing' = 'graph'): Builder {
  const fresh = freshNames(graph);
  const known = [new Map(shapes[0]), new Map(shapes[1])] as const;
  const tensors = new Map<string, Tensor>(graph.tensors);
  const inputs: ValueInfo[] = [...graph.inputs];
  const added: Node[] = [];
  const shared = new Map<string, string>();

  const lookUp = (values: ReadonlyMap<string, Value>, name: string): Value | undefined => {
    if (name === '') return undefined;
    const value = values.get(name);
    if (value !== undefined) return value;
    // A tensor that no node read so far, and that probing therefore did not meet.
    const tensor = tensors.get(name);
    if (tensor !== undefined) return { dtype: tensor.dtype, dims: tensor.dims };
    throw new MismatchError(`The graph has no value "${name}"`, { code: 'GRAPH_VALUE_UNKNOWN' });
  };

  const constant = (key: string, tensor: Tensor, data: Float64Array): string => {
    const existing = shared.get(key);
    if (existing !== undefined) return existing;
    const name = fresh(key);
    shared.set(key, name);
    tensors.set(name, tensor);
    for (const values of known) values.set(name, { dtype: tensor.dtype, dims: tensor.dims, data });
    return name;
  };

  return {
    emit(op, nodeInputs, attributes = {}, { domain = '', output } = {}) {
      const name = output ?? fresh(op.toLowerCase());
      const node = makeNode(op, nodeInputs, [name], attributes, { domain });
      for (const values of known) {
        const [value] = inferNode(
          node,
          nodeInputs.map((input) => lookUp(values, input)),
        );
        values.set(name, value as Value);
      }
      added.push(node);
      return name;
    },
    keep(node) {
      for (const values of known) {
        if (node.outputs.every((output) => output === '' || values.has(output))) continue;
        inferNode(
          node,
          node.inputs.map((input) => lookUp(values, input)),
        ).forEach((value, i) => values.set(node.outputs[i] ?? '', value));
      }
      added.push(node);
    },
    fresh,
    scalar: (value) => constant(`f${value}`, float32Tensor([value], []), Float64Array.of(value)),
    filled: (value, size) =>
      constant(
        `f${value}x${size}`,
        float32Tensor(new Float32Array(size).fill(value), [size]),
        new Float64Array(size).fill(value),
      ),
    ints: (values) => constant(`i${values.join('_')}`, int64Tensor(values, [values.length]), Float64Array.from(values)),
    axis: (value) => constant(`axis${value}`, int64Tensor([value], []), Float64Array.of(value)),
    input(info, dims) {
      inputs.push(info);
      known.forEach((values, i) => values.set(info.name, { dtype: info.dtype, dims: dims[i] as readonly number[] }));
      return info.name;
    },
    dims(value) {
      const [first, second] = known.map((values) => lookUp(values, value)?.dims ?? []) as [
        readonly number[],
        readonly number[],
      ];
      return first.map((size, axis): Dim => [size, second[axis] as number]);
    },
    dtype: (value) => lookUp(known[0], value)?.dtype,
    constantData(value) {
      const [first, second] = known.map((values) => lookUp(values, value)?.data);
      const same =
        first !== undefined &&
        second !== undefined &&
        first.length === second.length &&
        first.every((entry, i) => entry === second[i]);
      return same ? first : undefined;
    },
    finish(outputs) {
      const infos = outputs.map((name): ValueInfo => {
        const value = lookUp(known[0], name) as Value;
        const dims = value.dims.map((size, axis) =>
          size === known[1].get(name)?.dims[axis] ? size : `${name}_${axis}`,
        );
        return { name, dtype: value.dtype, dims };
      });
      const whole: Graph = {
        ...graph,
        inputs,
        outputs: infos,
        tensors,
        nodes: [...(from === 'graph' ? graph.nodes : []), ...added],
      };
      return prune({ ...whole, nodes: sortNodes(whole.nodes) });
    },
  };
}
