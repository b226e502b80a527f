import { UnsupportedError, type Layout } from '@hadamard-adapter/core';
import type { Parameter } from '../adapters/parameters.js';
import {
  builderOn,
  int,
  intAttribute,
  ints,
  isLinear,
  isPresent,
  operatorName,
  operatorOf,
  quote,
  type Builder,
  type Graph,
  type Node,
} from '@hadamard-adapter/graph/internal';
import { isBatch } from '../forms/dims.js';
import { PARAMETERS_INPUT } from '../forms/names.js';

/** Name of the input that says which adapter of the stack each example has, int64 [batch]. */
export const ROWS_INPUT = 'adapter_rows';

/**
 * The graph with every trained tensor taken from a stack, by row of the batch: vectors from `parameters` [k, n],
 * matrices from inputs of their own with a leading dimension k. Vectors are gathered once for all layers. A norm
 * becomes the plain one, scale 1 and shift 0, with a product and a sum per row behind it; a linear layer a batched
 * product.
 *
 * @throws UnsupportedError SERVE_ROWS for any other use of a trained tensor, or rows that are not the first dimension.
 */
export function applyPerRow(graph: Graph, vectors: Layout, matrices: readonly Parameter[]): Graph {
  const trained = new Set([...vectors.parameters, ...matrices].map(({ name }) => name));
  const builder = builderOn(
    { ...graph, inputs: graph.inputs.filter(({ name }) => !trained.has(name)) },
    { from: 'nothing' },
  );
  const stack = stackOf(builder, graph, vectors, matrices);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => trained.has(name))) builder.keep(node);
    else if (node.domain === '' && (node.op === 'Mul' || node.op === 'Add')) applyVector(node, builder, stack, trained);
    else if (operatorOf(node).isNorm === true) applyNorm(node, builder, stack, trained);
    else if (isLinear(node)) applyLinear(node, builder, stack, trained);
    else throw unknownUse(node, 'a product, sum, norm or linear layer');
  }
  return builder.finish(graph.outputs.map(({ name }) => name));
}

interface Stack {
  /** A trained vector by row, [batch, …1, width], to be combined with a value of `rank` dimensions. */
  vector(name: string, rank: number): string;
  /** A trained tensor by row, [batch, …shape]. */
  whole(name: string): string;
}

function stackOf(builder: Builder, graph: Graph, vectors: Layout, matrices: readonly Parameter[]): Stack {
  const rows = builder.input({ name: ROWS_INPUT, dtype: 'int64', dims: ['batch'] });
  const declared = new Map(graph.inputs.map(({ name, dims }) => [name, dims]));
  const shapes = new Map(matrices.map(({ name, shape }) => [name, shape]));
  /** An input of all adapters, and of it what the adapter of each row has. */
  const gathered = (name: string, dims: readonly (number | string)[]): string =>
    builder.once(`of each row ${name}`, () => {
      const all = builder.input({ name, dtype: 'float32', dims: ['adapters', ...dims] });
      return builder.emit('Gather', [all, rows], { axis: int(0) });
    });
  const withRank = (value: string, rank: number): string => {
    if (rank === 2) return value;
    const added = builder.ints(Array.from({ length: rank - 2 }, (_, i) => i + 1));
    return builder.once(`${value} of rank ${rank}`, () => builder.emit('Unsqueeze', [value, added]));
  };
  const whole = (name: string): string => gathered(name, declared.get(name) ?? shapes.get(name) ?? []);
  const slice = (name: string, rank: number): string => {
    const [from, width] = [vectors.offset(name), vectors.sizeOf(name)];
    const all = withRank(gathered(PARAMETERS_INPUT, [vectors.size]), rank);
    return builder.emit('Slice', [all, builder.ints([from]), builder.ints([from + width]), builder.ints([rank - 1])]);
  };
  return {
    whole,
    vector: (name, rank) =>
      shapes.has(name)
        ? withRank(whole(name), rank)
        : builder.once(`vector ${name} of rank ${rank}`, () => slice(name, rank)),
  };
}

function rankOf(node: Node, builder: Builder, value: string): number {
  const dims = builder.dims(value);
  if (dims.length >= 2 && isBatch(dims[0])) return dims.length;
  throw unknownUse(node, 'examples in the first dimension');
}

function applyVector(node: Node, builder: Builder, stack: Stack, trained: ReadonlySet<string>): void {
  const value = node.inputs.find((name) => !trained.has(name));
  if (value === undefined) throw unknownUse(node, 'one trained and one computed operand');
  const rank = rankOf(node, builder, value);
  const operands = node.inputs.map((name) => (trained.has(name) ? stack.vector(name, rank) : name));
  builder.emit(node.op, operands, {}, { output: outputOf(node) });
}

function applyNorm(node: Node, builder: Builder, stack: Stack, trained: ReadonlySet<string>): void {
  const [x = '', scale = '', shift] = node.inputs;
  const rank = rankOf(node, builder, x);
  const width = builder.dims(x).at(-1);
  if (typeof width !== 'number') throw unknownUse(node, 'a norm over a constant number of channels');
  const output = outputOf(node);
  const own = (name: string): string => (trained.has(name) ? stack.vector(name, rank) : name);
  const neutral = [builder.filled(1, width), ...(node.op === 'LayerNormalization' ? [builder.filled(0, width)] : [])];
  const plain = builder.emit(node.op, [x, ...neutral], node.attributes, { output: builder.fresh(`${output}_plain`) });
  if (!isPresent(shift)) builder.emit('Mul', [plain, own(scale)], {}, { output });
  else builder.emit('Add', [builder.emit('Mul', [plain, own(scale)]), own(shift)], {}, { output });
}

/** y = x·Wᵀ + c with W and c by row: [batch, in] as a column each, [batch, sequence, in] as it is. */
function applyLinear(node: Node, builder: Builder, stack: Stack, trained: ReadonlySet<string>): void {
  const [x = '', weight = '', bias] = node.inputs;
  const output = outputOf(node);
  const rank = rankOf(node, builder, x);
  if (rank > 3 || !trained.has(weight) || node.op !== 'Linear')
    throw unknownUse(node, 'a linear layer over [batch, in] or [batch, sequence, in] whose matrix is trained');
  const isTransposed = intAttribute(node, 'transB', 0) === 1;
  const result = productByRow(builder, x, stack.whole(weight), rank, isTransposed);
  if (!isPresent(bias)) builder.emit('Identity', [result], {}, { output });
  else builder.emit('Add', [result, trained.has(bias) ? stack.vector(bias, rank) : bias], {}, { output });
}

/** The matrix stands on the side where it needs no transposed copy. */
function productByRow(builder: Builder, x: string, matrix: string, rank: number, isTransposed: boolean): string {
  if (rank === 2 && isTransposed) {
    const column = builder.emit('Unsqueeze', [x, builder.ints([2])]);
    return builder.emit('Squeeze', [builder.emit('MatMul', [matrix, column]), builder.ints([2])]);
  }
  const turned = isTransposed ? builder.emit('Transpose', [matrix], { perm: ints([0, 2, 1]) }) : matrix;
  if (rank === 3) return builder.emit('MatMul', [x, turned]);
  const row = builder.emit('Unsqueeze', [x, builder.ints([1])]);
  return builder.emit('Squeeze', [builder.emit('MatMul', [row, turned]), builder.ints([1])]);
}

function outputOf(node: Node): string {
  const [output] = node.outputs;
  if (output !== undefined) return output;
  throw unknownUse(node, 'an output');
}

function unknownUse(node: Node, expected: string): UnsupportedError {
  return new UnsupportedError('The model uses a trained tensor in a way that cannot differ by row', {
    code: 'SERVE_ROWS',
    found: `${operatorName(node)} as node ${quote(node.name)}`,
    expected,
    hint: 'Serve one adapter at a time: give no adapterNames.',
  });
}
