import { int, float32Tensor } from '@hadamard-adapter/graph/internal';
import { TOKEN_INPUTS } from '../passes/inputs.js';
import { MASKED } from '../passes/masks.js';
import type { Kit } from './kit.js';

/** Inputs of every encoder, int64 [batch, sequence]; token types where the model has more than one. */
export const [IDS, MASK, TYPES] = TOKEN_INPUTS;

/** ONNX's numbers for the element types. */
const [FLOAT, INT64] = [1, 7];

/** Number of positions, int64 [1]. */
export const lengthOf = (kit: Kit): string => kit.emit('Shape', [IDS], 'length', { start: int(1), end: int(2) });

/** 0 to length − 1, int64 [sequence]. */
export function positionsOf(kit: Kit, length: string): string {
  const end = kit.emit('Squeeze', [length, kit.ints([0])], 'length/number');
  return kit.emit('Range', [kit.index(0), end, kit.index(1)], 'positions');
}

/** Rows of a table by id. */
export const lookUp = (kit: Kit, table: string, ids: string, as: string): string =>
  kit.emit('Gather', [table, ids], as, { axis: int(0) });

/**
 * `sum` and the embedding of the token types: nothing if there is none, one row for all if there is one, else by id.
 */
export function addTypes(kit: Kit, sum: string, module: string, types: number, width: number): string {
  if (types === 0) return sum;
  const rows = lookUp(kit, kit.weight(`${module}.weight`, [types, width]), types === 1 ? kit.index(0) : TYPES, module);
  return kit.emit('Add', [sum, rows], `${module}/sum`);
}

/** Consecutive rows of a table of positions, from `offset` on: a slice instead of a look-up. */
export function positionRows(kit: Kit, table: string, length: string, offset: number): string {
  const end = offset === 0 ? length : kit.emit('Add', [length, kit.ints([offset])], 'length/end');
  return kit.emit('Slice', [table, kit.ints([offset]), end, kit.ints([0])], `${table}/rows`);
}

/**
 * RoBERTa counts positions over the tokens that are not padding, from the padding id on; padding itself stays at that
 * id.
 */
export function positionsAfterPadding(kit: Kit, padding: number): string {
  const isPadding = kit.emit('Equal', [IDS, kit.index(padding)], 'padding');
  const real = kit.emit('Cast', [kit.emit('Not', [isPadding], 'tokens')], 'tokens/number', { to: int(INT64) });
  const counted = kit.emit('Mul', [kit.emit('CumSum', [real, kit.index(1)], 'tokens/count'), real], 'tokens/position');
  return kit.emit('Add', [counted, kit.index(padding)], 'position_ids');
}

/** 0 at tokens and the most negative number at padding, [batch, 1, 1, sequence]. */
export function paddingBias(kit: Kit): string {
  const mask = kit.emit('Cast', [MASK], 'mask', { to: int(FLOAT) });
  const rows = kit.emit(
    'Mul',
    [kit.emit('Sub', [mask, kit.scalar(1)], 'mask/shifted'), kit.scalar(-MASKED)],
    'mask/rows',
  );
  return kit.emit('Unsqueeze', [rows, kit.ints([1, 2])], 'mask/bias');
}

/** Query position less key position, int64 [sequence, sequence]. */
export function distances(kit: Kit, positions: string): string {
  const [queries, keys] = [1, 0].map((axis) =>
    kit.emit('Unsqueeze', [positions, kit.ints([axis])], `positions/${axis === 1 ? 'queries' : 'keys'}`),
  ) as [string, string];
  return kit.emit('Sub', [queries, keys], 'distances');
}

/**
 * For every query and key the row that `table` has for their distance, [sequence, sequence, …]: 2·most + 1 rows, from a
 * key `most` positions ahead to one `most` behind. Beyond that all are alike on their side.
 */
export function lookUpDistances(kit: Kit, table: string, length: string, most: number, as: string): string {
  const below = kit.emit('Min', [distances(kit, positionsOf(kit, length)), kit.index(most)], 'distances/below');
  const within = kit.emit('Max', [below, kit.index(-most)], 'distances/within');
  return lookUp(kit, table, kit.emit('Add', [within, kit.index(most)], 'distances/index'), as);
}

/** 0 where `open` holds and the most negative number elsewhere. */
export const biasWhere = (kit: Kit, open: string, as: string): string =>
  kit.emit('Where', [open, kit.scalar(0), kit.scalar(MASKED)], as);

/**
 * e^(i·position·frequency) as cosine and sine, [sequence, size] each, both halves of a head alike (Su et al., arXiv
 * 2104.09864; the layout of GPT-NeoX).
 */
export function rotary(kit: Kit, positions: string, theta: number, size: number): { cosine: string; sine: string } {
  const frequencies = Array.from({ length: size / 2 }, (_, i) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / size))),
  );
  const table = kit.table(`frequencies ${theta}`, float32Tensor(frequencies));
  const steps = kit.emit(
    'Unsqueeze',
    [kit.emit('Cast', [positions], 'positions/float', { to: int(FLOAT) }), kit.ints([1])],
    'positions/column',
  );
  const half = kit.emit('Mul', [steps, table], `angles_${theta}/half`);
  const angles = kit.emit('Concat', [half, half], `angles_${theta}`, { axis: int(-1) });
  return { cosine: kit.emit('Cos', [angles], `${angles}/cos`), sine: kit.emit('Sin', [angles], `${angles}/sin`) };
}

/** x [b, h, s, size] turned by the angles of its positions. */
export function rotate(kit: Kit, x: string, { cosine, sine }: { cosine: string; sine: string }, size: number): string {
  const part = (from: number, to: number, which: string): string =>
    kit.emit('Slice', [x, kit.ints([from]), kit.ints([to]), kit.ints([3])], `${x}/${which}`);
  const turned = kit.emit(
    'Concat',
    [kit.emit('Neg', [part(size / 2, size, 'second')], `${x}/negative`), part(0, size / 2, 'first')],
    `${x}/turned`,
    { axis: int(-1) },
  );
  return kit.emit(
    'Add',
    [kit.emit('Mul', [x, cosine], `${x}/cos`), kit.emit('Mul', [turned, sine], `${x}/sin`)],
    `${x}/rotated`,
  );
}

/** x · factor, or x itself. */
export const scaled = (kit: Kit, x: string, factor: number): string =>
  factor === 1 ? x : kit.emit('Mul', [x, kit.scalar(factor)], `${x}/scaled`);
