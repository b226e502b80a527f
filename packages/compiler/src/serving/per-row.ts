import { UnsupportedError, type Layout } from '@hadamard-adapter/core';
import type { Parameter } from '../adapters/parameters.js';
import {
  PROBES,
  isBatch,
  probe,
  buildOn,
  type Builder,
  int,
  intAttribute,
  operatorName,
  type Graph,
  type Node,
  isLinear,
  quote,
  makeNode,
} from '@hadamard-adapter/graph/internal';
import { PARAMETERS_INPUT } from '../passes/flatten.js';

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
  const builder = buildOn(
    { ...graph, inputs: graph.inputs.filter(({ name }) => !trained.has(name)) },
    probe(graph),
    'nothing',
  );
  const stack = stackOf(builder, graph, vectors, matrices);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => trained.has(name))) builder.keep(node);
    else if (node.domain === '' && (node.op === 'Mul' || node.op === 'Add')) applyVector(node, builder, stack, trained);
    else if (node.domain === '' && NORMS.has(node.op)) applyNorm(node, builder, stack, trained);
    else if (isLinear(node)) applyLinear(node, builder, stack, trained);
    else throw unknownUse(node, 'a product, sum, norm or linear layer');
  }
  return builder.finish(graph.outputs.map(({ name }) => name));
}

const NORMS = new Set(['LayerNormalization', 'RMSNormalization']);

interface Stack {
  /** A trained vector by row, [batch, …1, width], to be combined with a value of `rank` dimensions. */
  vector(name: string, rank: number): string;
  /** A trained tensor by row, [batch, …shape]. */
  whole(name: string): string;
}

function stackOf(builder: Builder, graph: Graph, vectors: Layout, matrices: readonly Parameter[]): Stack {
  const sizes = PROBES.map(({ batch }) => batch) as [number, number];
  const declare = (
    name: string,
    dims: readonly (number | string)[],
    shape: readonly number[],
    dtype: 'float32' | 'int64',
  ): string =>
    builder.input({ name, dtype, dims }, [
      [sizes[0], ...shape],
      [sizes[1], ...shape],
    ]);
  const rows = declare(ROWS_INPUT, ['batch'], [], 'int64');
  const once = new Map<string, string>();
  const remember = (key: string, make: () => string): string => {
    const value = once.get(key) ?? make();
    once.set(key, value);
    return value;
  };
  const dimsOf = new Map(graph.inputs.map(({ name, dims }) => [name, dims]));
  const byName = new Map(matrices.map((parameter) => [parameter.name, parameter]));
  const withRank = (value: string, rank: number): string =>
    rank === 2
      ? value
      : builder.emit('Unsqueeze', [value, builder.ints(Array.from({ length: rank - 2 }, (_, i) => i + 1))]);

  /** All vectors of the adapter of each row, in one look-up. */
  const gathered = (rank: number): string =>
    remember(`vectors/${rank}`, () => {
      if (rank !== 2) return withRank(gathered(2), rank);
      return builder.emit(
        'Gather',
        [declare(PARAMETERS_INPUT, ['adapters', vectors.size], [vectors.size], 'float32'), rows],
        { axis: int(0) },
      );
    });
  const whole = (name: string): string =>
    remember(name, () => {
      const { shape } = byName.get(name) as Parameter;
      return builder.emit(
        'Gather',
        [declare(name, ['adapters', ...(dimsOf.get(name) ?? shape)], shape, 'float32'), rows],
        { axis: int(0) },
      );
    });
  return {
    whole,
    vector: (name, rank) =>
      remember(`${name}/${rank}`, () => {
        if (byName.has(name)) return withRank(whole(name), rank);
        const [from, width] = [vectors.offset(name), vectors.sizeOf(name)];
        return builder.emit('Slice', [
          gathered(rank),
          builder.ints([from]),
          builder.ints([from + width]),
          builder.ints([rank - 1]),
        ]);
      }),
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
  builder.emit(
    node.op,
    node.inputs.map((name) => (trained.has(name) ? stack.vector(name, rank) : name)),
    {},
    { output: node.outputs[0] as string },
  );
}

function applyNorm(node: Node, builder: Builder, stack: Stack, trained: ReadonlySet<string>): void {
  const [x, scale, shift = ''] = node.inputs as [string, string, string | undefined];
  const rank = rankOf(node, builder, x);
  const [width] = builder.dims(x).at(-1) as readonly [number, number];
  const output = node.outputs[0] as string;
  const own = (name: string): string => (trained.has(name) ? stack.vector(name, rank) : name);
  const plain = builder.fresh(`${output}_plain`);
  const neutral = [builder.filled(1, width), ...(node.op === 'LayerNormalization' ? [builder.filled(0, width)] : [])];
  builder.keep({ ...node, name: plain, inputs: [x, ...neutral], outputs: [plain] });
  if (shift === '') builder.emit('Mul', [plain, own(scale)], {}, { output });
  else builder.emit('Add', [builder.emit('Mul', [plain, own(scale)]), own(shift)], {}, { output });
}

/** y = x·Wᵀ + c with W and c by row: [batch, in] as a column each, [batch, sequence, in] as it is. */
function applyLinear(node: Node, builder: Builder, stack: Stack, trained: ReadonlySet<string>): void {
  const [x, weight, bias = ''] = node.inputs as [string, string, string | undefined];
  const output = node.outputs[0] as string;
  const rank = rankOf(node, builder, x);
  if (rank > 3 || !trained.has(weight) || node.op !== 'Linear')
    throw unknownUse(node, 'a linear layer over [batch, in] or [batch, sequence, in] whose matrix is trained');
  const transposed = intAttribute(node, 'transB', 0) === 1;
  const matrix = stack.whole(weight);
  const product = (): string => {
    // The matrix stands on the side where it needs no transposed copy.
    if (rank === 2 && transposed)
      return builder.emit('Squeeze', [
        builder.emit('MatMul', [matrix, builder.emit('Unsqueeze', [x, builder.ints([2])])]),
        builder.ints([2]),
      ]);
    const turned = transposed
      ? builder.emit('Transpose', [matrix], { perm: { type: 'ints', value: [0, 2, 1] } })
      : matrix;
    if (rank === 3) return builder.emit('MatMul', [x, turned]);
    return builder.emit('Squeeze', [
      builder.emit('MatMul', [builder.emit('Unsqueeze', [x, builder.ints([1])]), turned]),
      builder.ints([1]),
    ]);
  };
  const result = product();
  if (bias === '') builder.keep(makeNode('Identity', [result], [output]));
  else builder.emit('Add', [result, trained.has(bias) ? stack.vector(bias, rank) : bias], {}, { output });
}

function unknownUse(node: Node, expected: string): UnsupportedError {
  return new UnsupportedError('The model uses a trained tensor in a way that cannot differ by row', {
    code: 'SERVE_ROWS',
    found: `${operatorName(node)} as node ${quote(node.name)}`,
    expected,
    hint: 'Serve one adapter at a time: give no adapterNames.',
  });
}
