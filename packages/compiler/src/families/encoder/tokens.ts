import { int, float32Tensor } from '@hadamard-adapter/graph/internal';
import { TOKEN_INPUTS } from '../../forms/token-inputs.js';
import { MASKED } from '../../forms/masks.js';
import type { EncoderBuilder } from './encoder-builder.js';

/** Inputs of every encoder, int64 [batch, sequence]; token types where the model has more than one. */
export const [IDS, MASK, TYPES] = TOKEN_INPUTS;

/** ONNX's numbers for the element types. */
const [FLOAT, INT64] = [1, 7];

/** Number of positions, int64 [1]. */
export const lengthOf = (builder: EncoderBuilder): string =>
  builder.emit('Shape', [IDS], 'length', { start: int(1), end: int(2) });

/** 0 to length − 1, int64 [sequence]. */
export function positionsOf(builder: EncoderBuilder, length: string): string {
  const end = builder.emit('Squeeze', [length, builder.ints([0])], 'length/number');
  return builder.emit('Range', [builder.index(0), end, builder.index(1)], 'positions');
}

/** Rows of a table by id. */
export const lookUp = (builder: EncoderBuilder, table: string, ids: string, as: string): string =>
  builder.emit('Gather', [table, ids], as, { axis: int(0) });

/** The embeddings of the tokens, from the table of `module`. */
export const embed = (builder: EncoderBuilder, module: string, vocabulary: number, width: number): string =>
  lookUp(builder, builder.weight(`${module}.weight`, [vocabulary, width]), IDS, module);

/**
 * `sum` and the embedding of the token types: nothing if there is none, one row for all if there is one, else by id.
 */
export function addTypes(builder: EncoderBuilder, sum: string, module: string, types: number, width: number): string {
  if (types === 0) return sum;
  const rows = lookUp(
    builder,
    builder.weight(`${module}.weight`, [types, width]),
    types === 1 ? builder.index(0) : TYPES,
    module,
  );
  return builder.emit('Add', [sum, rows], `${module}/sum`);
}

/** Consecutive rows of a table of positions, from `offset` on: a slice instead of a look-up. */
export function positionRows(builder: EncoderBuilder, table: string, length: string, offset: number): string {
  const end = offset === 0 ? length : builder.emit('Add', [length, builder.ints([offset])], 'length/end');
  return builder.emit('Slice', [table, builder.ints([offset]), end, builder.ints([0])], `${table}/rows`);
}

/**
 * RoBERTa counts positions over the tokens that are not padding, from the padding id on; padding itself stays at that
 * id.
 */
export function positionsBehindPadding(builder: EncoderBuilder, padding: number): string {
  const isPadding = builder.emit('Equal', [IDS, builder.index(padding)], 'padding');
  const real = builder.emit('Cast', [builder.emit('Not', [isPadding], 'tokens')], 'tokens/number', { to: int(INT64) });
  const counted = builder.emit(
    'Mul',
    [builder.emit('CumSum', [real, builder.index(1)], 'tokens/count'), real],
    'tokens/position',
  );
  return builder.emit('Add', [counted, builder.index(padding)], 'position_ids');
}

/** 0 at tokens and the most negative number at padding, [batch, 1, 1, sequence]. */
export function paddingBias(builder: EncoderBuilder): string {
  const mask = builder.emit('Cast', [MASK], 'mask', { to: int(FLOAT) });
  const rows = builder.emit(
    'Mul',
    [builder.emit('Sub', [mask, builder.scalar(1)], 'mask/shifted'), builder.scalar(-MASKED)],
    'mask/rows',
  );
  return builder.emit('Unsqueeze', [rows, builder.ints([1, 2])], 'mask/bias');
}

/** Query position less key position, int64 [sequence, sequence]. */
export function distances(builder: EncoderBuilder, positions: string): string {
  const [queries, keys] = [1, 0].map((axis) =>
    builder.emit('Unsqueeze', [positions, builder.ints([axis])], `positions/${axis === 1 ? 'queries' : 'keys'}`),
  ) as [string, string];
  return builder.emit('Sub', [queries, keys], 'distances');
}

/**
 * For every query and key the row that `table` has for their distance, [sequence, sequence, …]: 2·most + 1 rows, from a
 * key `most` positions ahead to one `most` behind. Beyond that all are alike on their side.
 */
export function lookUpDistances(
  builder: EncoderBuilder,
  table: string,
  length: string,
  most: number,
  as: string,
): string {
  const below = builder.emit(
    'Min',
    [distances(builder, positionsOf(builder, length)), builder.index(most)],
    'distances/below',
  );
  const within = builder.emit('Max', [below, builder.index(-most)], 'distances/within');
  return lookUp(builder, table, builder.emit('Add', [within, builder.index(most)], 'distances/index'), as);
}

/** 0 where `open` holds and the most negative number elsewhere. */
export const biasWhere = (builder: EncoderBuilder, open: string, as: string): string =>
  builder.emit('Where', [open, builder.scalar(0), builder.scalar(MASKED)], as);

/**
 * e^(i·position·frequency) as cosine and sine, [sequence, size] each, both halves of a head alike (Su et al., arXiv
 * 2104.09864; the layout of GPT-NeoX).
 */
export function rotary(
  builder: EncoderBuilder,
  positions: string,
  theta: number,
  size: number,
): { cosine: string; sine: string } {
  const frequencies = Array.from({ length: size / 2 }, (_, i) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / size))),
  );
  const table = builder.table(`frequencies ${theta}`, float32Tensor(frequencies));
  const steps = builder.emit(
    'Unsqueeze',
    [builder.emit('Cast', [positions], 'positions/float', { to: int(FLOAT) }), builder.ints([1])],
    'positions/column',
  );
  const half = builder.emit('Mul', [steps, table], `angles_${theta}/half`);
  const angles = builder.emit('Concat', [half, half], `angles_${theta}`, { axis: int(-1) });
  return {
    cosine: builder.emit('Cos', [angles], `${angles}/cos`),
    sine: builder.emit('Sin', [angles], `${angles}/sin`),
  };
}

/** x [b, h, s, size] turned by the angles of its positions. */
export function rotate(
  builder: EncoderBuilder,
  x: string,
  { cosine, sine }: { cosine: string; sine: string },
  size: number,
): string {
  const part = (from: number, to: number, which: string): string =>
    builder.emit('Slice', [x, builder.ints([from]), builder.ints([to]), builder.ints([3])], `${x}/${which}`);
  const turned = builder.emit(
    'Concat',
    [builder.emit('Neg', [part(size / 2, size, 'second')], `${x}/negative`), part(0, size / 2, 'first')],
    `${x}/turned`,
    { axis: int(-1) },
  );
  return builder.emit(
    'Add',
    [builder.emit('Mul', [x, cosine], `${x}/cos`), builder.emit('Mul', [turned, sine], `${x}/sin`)],
    `${x}/rotated`,
  );
}

/** x · factor, or x itself. */
export const scaled = (builder: EncoderBuilder, x: string, factor: number): string =>
  factor === 1 ? x : builder.emit('Mul', [x, builder.scalar(factor)], `${x}/scaled`);
