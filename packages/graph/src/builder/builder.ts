import { MismatchError } from '../errors.js';
import type { Attributes, Graph, Node, ValueInfo } from '../ir/graph.js';
import { freshNames } from '../ir/names.js';
import { prune } from '../ir/prune.js';
import { sortNodes } from '../ir/sort.js';
import type { Dim } from '../shapes/dim.js';
import type { Fact } from '../shapes/fact.js';
import { float32Tensor, fromNumbers, int64Tensor } from '../tensors/elements.js';
import type { DataType, Tensor } from '../tensors/tensor.js';
import { Facts, type Inference } from './facts.js';

/**
 * The one thing that makes nodes: passes, gradient rules, expansions of fused operators and encoders built from a
 * checkpoint all add to a graph by it. It knows the shape of every value, and works one out when it is asked.
 */
export interface Builder {
  /** Add a node and answer the name of its first output. */
  emit(op: string, inputs: readonly string[], attributes?: Attributes, options?: EmitOptions): string;
  /** Add a node of several outputs under these names; the empty string leaves one out. */
  emitAll(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Attributes,
    options?: Omit<EmitOptions, 'output'>,
  ): void;
  /** Add a node as it is. */
  keep(node: Node): void;
  /** A name that no value has yet. */
  fresh(stem: string): string;
  /** A constant of type float32; equal constants are shared. */
  scalar(value: number): string;
  /** A one-dimensional float32 constant of `size` equal numbers; equal constants are shared. */
  filled(value: number, size: number): string;
  /** A one-dimensional int64 constant; equal constants are shared. */
  ints(values: readonly number[]): string;
  /** An int64 constant without dimensions; equal constants are shared. */
  axis(value: number): string;
  /** A tensor under a name made of `stem`, or under exactly that name where it is `named`. */
  tensor(stem: string, tensor: Tensor): string;
  named(name: string, tensor: Tensor): string;
  /** Compute something once: what `make` answered for the same key before is answered again. */
  once(key: string, make: () => string): string;
  /** Declare a further input of the graph. */
  input(info: ValueInfo): string;
  dims(value: string): readonly Dim[];
  dtype(value: string): DataType | undefined;
  /** The data of a value that is the same at every size: a constant, or computed from constants. */
  constantData(value: string): Float64Array | undefined;
  /** The tensor that a name stands for. */
  constant(value: string): Tensor | undefined;
  /** The node that computes a value so far. */
  producer(value: string): Node | undefined;
  /** The graph with the added nodes in order and these outputs; what they do not need is gone. */
  finish(outputs: readonly string[]): Graph;
  /** The graph with the added nodes, in the order in which they were added, and the outputs that it had. */
  rebuilt(): Graph;
  /** The same with every node behind what it needs. */
  sorted(): Graph;
}

export interface EmitOptions {
  readonly domain?: string;
  /** Name of the output; made up from the operator when absent. */
  readonly output?: string;
  /** Name of the node, for messages; that of its output when absent. */
  readonly name?: string;
}

export interface BuildOptions {
  /** `graph`: add to its nodes; `nothing`: write all nodes anew, under names that the graph does not use yet. */
  readonly from?: 'graph' | 'nothing';
}

/** @param infer works out types and shapes, see `inferNode`. */
export function buildOn(graph: Graph, infer: Inference, { from = 'graph' }: BuildOptions = {}): Builder {
  return new GraphBuilder(graph, infer, from);
}

class GraphBuilder implements Builder {
  readonly #source: Graph;
  readonly #from: 'graph' | 'nothing';
  readonly #facts: Facts;
  readonly #added: Node[] = [];
  readonly #inputs: ValueInfo[];
  readonly #tensors: Map<string, Tensor>;
  /** What `once` and the shared constants answered. */
  readonly #shared = new Map<string, string>();
  readonly fresh: (stem: string) => string;

  constructor(graph: Graph, infer: Inference, from: 'graph' | 'nothing') {
    this.#source = graph;
    this.#from = from;
    this.#facts = new Facts(graph, infer);
    this.#inputs = [...graph.inputs];
    this.#tensors = new Map(graph.tensors);
    this.fresh = freshNames(graph);
  }

  emit(op: string, inputs: readonly string[], attributes: Attributes = {}, options: EmitOptions = {}): string {
    const { domain = '', output = this.fresh(op.toLowerCase()), name = output } = options;
    this.#add({ op, domain, name, inputs, outputs: [output], attributes });
    return output;
  }

  emitAll(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
    { domain = '', name = outputs[0] ?? op }: Omit<EmitOptions, 'output'> = {},
  ): void {
    this.#add({ op, domain, name, inputs, outputs, attributes });
  }

  keep(node: Node): void {
    if (node.outputs.every((output) => output === '' || this.#facts.has(output))) this.#added.push(node);
    else this.#add(node);
  }

  scalar(value: number): string {
    return this.#constant(`f${value}`, () => float32Tensor([value], []));
  }

  filled(value: number, size: number): string {
    return this.#constant(`f${value}x${size}`, () => float32Tensor(new Float32Array(size).fill(value), [size]));
  }

  ints(values: readonly number[]): string {
    return this.#constant(`i${values.join('_')}`, () => int64Tensor(values));
  }

  axis(value: number): string {
    return this.#constant(`axis${value}`, () => fromNumbers('int64', [value], []));
  }

  tensor(stem: string, tensor: Tensor): string {
    return this.named(this.fresh(stem), tensor);
  }

  named(name: string, tensor: Tensor): string {
    this.#tensors.set(name, tensor);
    this.#facts.addTensor(name, tensor);
    return name;
  }

  once(key: string, make: () => string): string {
    const known = this.#shared.get(key) ?? make();
    this.#shared.set(key, known);
    return known;
  }

  input(info: ValueInfo): string {
    this.#inputs.push(info);
    this.#facts.addInput(info);
    return info.name;
  }

  dims(value: string): readonly Dim[] {
    return this.#fact(value)?.dims ?? [];
  }

  dtype(value: string): DataType | undefined {
    return this.#fact(value)?.dtype;
  }

  constantData(value: string): Float64Array | undefined {
    return this.#fact(value)?.data;
  }

  constant(value: string): Tensor | undefined {
    return this.#tensors.get(value);
  }

  producer(value: string): Node | undefined {
    return this.#facts.producer(value);
  }

  finish(outputs: readonly string[]): Graph {
    const infos = outputs.map((name): ValueInfo => {
      const { dtype, dims } = this.#known(name);
      return { name, dtype, dims: dims.map((dim, axis) => (typeof dim === 'number' ? dim : `${name}_${axis}`)) };
    });
    const nodes = sortNodes([...(this.#from === 'graph' ? this.#source.nodes : []), ...this.#added]);
    return prune({ ...this.#source, inputs: this.#inputs, outputs: infos, tensors: this.#tensors, nodes });
  }

  rebuilt(): Graph {
    const nodes = [...(this.#from === 'graph' ? this.#source.nodes : []), ...this.#added];
    return prune({ ...this.#source, inputs: this.#inputs, tensors: this.#tensors, nodes });
  }

  sorted(): Graph {
    const graph = this.rebuilt();
    return { ...graph, nodes: sortNodes(graph.nodes) };
  }

  #add(node: Node): void {
    this.#added.push(node);
    this.#facts.addNode(node);
  }

  #constant(key: string, make: () => Tensor): string {
    return this.once(`constant ${key}`, () => this.tensor(key, make()));
  }

  #fact(value: string): Fact | undefined {
    return value === '' ? undefined : this.#known(value);
  }

  #known(value: string): Fact {
    const fact = this.#facts.of(value);
    if (fact !== undefined) return fact;
    throw new MismatchError(`The graph has no value "${value}"`, { code: 'GRAPH_VALUE_UNKNOWN' });
  }
}
