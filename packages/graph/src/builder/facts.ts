import { FormatError } from '../errors.js';
import type { Graph, Node, ValueInfo } from '../ir/graph.js';
import { quote } from '../ir/quote.js';
import { symbol, type Dim } from '../shapes/dim.js';
import { valueOfTensor, type Fact } from '../shapes/fact.js';
import { elementCount } from '../tensors/elements.js';
import type { Tensor } from '../tensors/tensor.js';

/** Types and shapes of the outputs of a node from what is known of its inputs; an absent input is undefined. */
export type Inference = (node: Node, inputs: readonly (Fact | undefined)[]) => Fact[];

/** Elements of larger tensors play no part in shapes: they are weights, and are not read. */
const MAX_READ_ELEMENTS = 65_536;

/** What is known of every value of a graph, worked out when it is asked for and remembered. */
export class Facts {
  readonly #infer: Inference;
  readonly #known = new Map<string, Fact>();
  readonly #producers = new Map<string, Node>();
  readonly #tensors = new Map<string, Tensor>();

  constructor(graph: Graph, infer: Inference) {
    this.#infer = infer;
    for (const [name, tensor] of graph.tensors) this.#tensors.set(name, tensor);
    for (const info of graph.inputs) this.addInput(info);
    for (const node of graph.nodes) this.addNode(node);
  }

  addInput(info: ValueInfo): void {
    this.#known.set(info.name, { dtype: info.dtype, dims: inputDims(info) });
  }

  addTensor(name: string, tensor: Tensor): void {
    this.#known.delete(name);
    this.#tensors.set(name, tensor);
  }

  addNode(node: Node): void {
    for (const output of node.outputs) {
      if (output === '') continue;
      this.#known.delete(output);
      this.#producers.set(output, node);
    }
  }

  has(name: string): boolean {
    return this.#known.has(name) || this.#producers.has(name) || this.#tensors.has(name);
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /**
   * What is known of a value; undefined for a name that is none.
   *
   * @throws FormatError ONNX_CYCLE for a value that depends on itself; and as the inference.
   */
  of(name: string): Fact | undefined {
    // Without recursion: a chain of nodes may be longer than the stack is deep.
    const path = [name];
    const entered = new Set<string>();
    for (let value = path.at(-1); value !== undefined; value = path.at(-1)) {
      const node = this.#known.has(value) ? undefined : this.#producers.get(value);
      const missing = node?.inputs.filter((input) => this.#isOpen(input)) ?? [];
      if (missing.length > 0) {
        if (entered.has(value)) throw dependsOnItself(value);
        entered.add(value);
        path.push(...missing);
        continue;
      }
      if (node !== undefined) this.#inferOutputs(node);
      path.pop();
    }
    return this.#known.get(name) ?? this.#ofTensor(name);
  }

  dims(name: string): readonly Dim[] | undefined {
    return this.of(name)?.dims;
  }

  #isOpen(input: string): boolean {
    return input !== '' && !this.#known.has(input) && this.#producers.has(input);
  }

  #inferOutputs(node: Node): void {
    const inputs = node.inputs.map((input) =>
      input === '' ? undefined : (this.#known.get(input) ?? this.#ofTensor(input)),
    );
    const outputs = this.#infer(node, inputs);
    for (const [i, output] of node.outputs.entries()) {
      const fact = outputs[i];
      if (output !== '' && fact !== undefined) this.#known.set(output, fact);
    }
  }

  #ofTensor(name: string): Fact | undefined {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) return undefined;
    const readable = tensor.dtype !== 'string' && elementCount(tensor.dims) <= MAX_READ_ELEMENTS;
    const fact = readable ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    this.#known.set(name, fact);
    return fact;
  }
}

/**
 * Token inputs are [batch, sequence], whatever an exporter calls their axes and whether or not it calls them the same
 * in all of them; other inputs are ours, with names that mean the same everywhere.
 */
function inputDims({ name, dtype, dims }: ValueInfo): Dim[] {
  const isTokens = dtype === 'int64' || dtype === 'int32';
  return dims.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    if (dim === 'batch' || (isTokens && axis === 0)) return symbol('batch');
    if (dim === 'sequence' || isTokens) return symbol('sequence');
    return symbol(dim === '' ? `${name}_${axis}` : dim);
  });
}

function dependsOnItself(value: string): FormatError {
  return new FormatError(`Value ${quote(value)} depends on itself`, {
    code: 'ONNX_CYCLE',
    found: 'a cycle',
    expected: 'a graph without cycles',
  });
}
