import { UnsupportedError } from '@hadamard-adapter/core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { evaluateNode, type Graph, type Node } from '@hadamard-adapter/graph/internal';
import { rotaryTables } from '@hadamard-adapter/compiler/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { operatorFor } from '../ops/index.js';
import type { Tf } from '../tf.js';
import type { Constants } from './constants.js';
import {
  deviceOperand,
  hostOperand,
  knownValue,
  lastingOperand,
  type LastingOperand,
  type Operand,
} from './operand.js';

/** A graph that can be run, in the internal forms of `@hadamard-adapter/compiler` or lowered. */
export class Program {
  readonly graph: Graph;
  private readonly tf: Tf;
  private readonly constants: Constants;
  /** Nodes that follow from weights alone. */
  private readonly fixedNodes: ReadonlySet<Node>;
  /** The others, which every run computes. */
  private readonly nodes: readonly Node[];
  /** Values that nobody reads after a node, by its position. */
  private readonly finished: readonly (readonly string[])[];
  /**
   * GPUs take sines and cosines of large angles to three digits only: they are computed here, from the frequencies on.
   */
  private readonly angles: ReturnType<typeof rotaryTables>;
  /** What `fixedNodes` answered. */
  private readonly fixed = new Map<string, LastingOperand>();
  private prepared = false;

  constructor(tf: Tf, graph: Graph, constants: Constants) {
    this.tf = tf;
    this.graph = graph;
    this.constants = constants;
    this.fixedNodes = nodesOfConstants(graph);
    this.nodes = graph.nodes.filter((node) => !this.fixedNodes.has(node));
    this.finished = finishedAfter(graph, this.nodes);
    this.angles = rotaryTables(graph);
  }

  /** Number of nodes of a run. */
  get size(): number {
    return this.nodes.length;
  }

  /** Compute what depends on weights alone, once. Not inside of a gradient, which would record it. */
  prepare(): void {
    if (this.prepared) return;
    this.prepared = true;
    const read = new Set([
      ...this.nodes.flatMap(({ inputs }) => inputs),
      ...this.graph.outputs.map(({ name }) => name),
    ]);
    this.tf.tidy(() => {
      const values = new Map<string, Operand>();
      for (const node of this.fixedNodes) this.runNode(node, values);
      for (const [name, { value, own, tensor }] of values) {
        if (!read.has(name)) continue;
        const lasting = own ? lastingOperand(this.tf, value, tensor) : lastingOperand(this.tf, value);
        // What was computed on the device is kept now, before the tidy ends; numbers are uploaded where they are
        // needed.
        if (own) lasting.tensor();
        this.fixed.set(name, lasting);
      }
    });
  }

  /**
   * The outputs for these inputs. Everything else is disposed as soon as its last reader has run; call it in a `tidy`,
   * after `prepare`.
   *
   * @param onNode told after each node how many are done.
   */
  run(feeds: ReadonlyMap<string, Operand>, onNode?: (done: number) => void): ReadonlyMap<string, Tensor> {
    const values = new Map(feeds);
    this.nodes.forEach((node, at) => {
      this.runNode(node, values);
      for (const name of this.finished[at] ?? []) {
        const operand = values.get(name);
        if (operand?.own === true) operand.tensor().dispose();
        values.delete(name);
      }
      onNode?.(at + 1);
    });
    return new Map(this.graph.outputs.map(({ name }) => [name, present(this.lookUp(values, name)).tensor()]));
  }

  dispose(): void {
    for (const operand of this.fixed.values()) operand.dispose();
    this.fixed.clear();
    this.prepared = false;
  }

  private lookUp(values: ReadonlyMap<string, Operand>, name: string): Operand | undefined {
    if (name === '') return undefined;
    const operand = values.get(name) ?? this.fixed.get(name);
    if (operand !== undefined) return operand;
    const tensor = this.graph.tensors.get(name);
    if (tensor === undefined)
      throw new UnsupportedError(`Nothing produces the value "${name}"`, { code: 'GRAPH_VALUE_UNKNOWN' });
    return this.angles.has(name) ? hostOperand(this.tf, knownValue(tensor)) : this.constants.of(tensor);
  }

  private runNode(node: Node, values: Map<string, Operand>): void {
    const operands = node.inputs.map((name) => this.lookUp(values, name));
    const outputs = evaluateNode(
      node,
      operands.map((operand) => operand?.value),
      { maxElements: Number.POSITIVE_INFINITY },
    );
    const known = outputs.every(({ data }) => data !== undefined);
    const results = known
      ? outputs.map((value) => hostOperand(this.tf, value))
      : deviceResults(this.tf, node, operands, outputs);
    // Optional outputs that nobody asked for have no name.
    node.outputs.forEach((name, i) => {
      const operand = results[i];
      if (operand !== undefined) values.set(name, operand);
    });
  }
}

function deviceResults(
  tf: Tf,
  node: Node,
  operands: readonly (Operand | undefined)[],
  outputs: ReturnType<typeof evaluateNode>,
): Operand[] {
  const results = operatorFor(node)({ tf, node, operands, outputs });
  return (Array.isArray(results) ? results : [results]).map((tensor, i) => {
    // Several operators answer their operand where there is nothing to do; disposing of one must not dispose of both.
    const own = operands.some((operand) => operand?.value.data === undefined && operand?.tensor() === tensor)
      ? tf.clone(tensor)
      : tensor;
    return deviceOperand(own, elementAt(outputs, i));
  });
}

/** Nodes that follow from constants alone. */
function nodesOfConstants({ nodes, inputs, tensors }: Graph): Set<Node> {
  const given = new Set(inputs.map(({ name }) => name));
  const constant = new Set<string>(['', ...[...tensors.keys()].filter((name) => !given.has(name))]);
  const found = new Set<Node>();
  for (const node of nodes) {
    if (!node.inputs.every((name) => constant.has(name))) continue;
    found.add(node);
    for (const name of node.outputs) constant.add(name);
  }
  return found;
}

/**
 * The values that no later node reads, by the position of the node that reads them last; those that nobody reads, by
 * that of their own.
 */
function finishedAfter({ outputs }: Graph, nodes: readonly Node[]): string[][] {
  const last = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const name of [...node.inputs, ...node.outputs]) if (name !== '') last.set(name, at);
  });
  for (const { name } of outputs) last.delete(name);
  const finished = nodes.map((): string[] => []);
  for (const [name, at] of last) finished[at]?.push(name);
  return finished;
}
