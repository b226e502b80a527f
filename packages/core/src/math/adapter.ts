import { ConfigError, MismatchError } from '../errors.js';
import type { Site } from '../model/model.js';

/** Reference math runs in the precision of its input. */
export type Floats = Float32Array | Float64Array;

/**
 * The Hadamard adapter (Chen et al. 2023, section 3.2): y = w ⊙ x + b on every row of x.
 *
 * @param x [rows, channels], row-major.
 * @param w scale per channel, [channels]; 1 for an adapter that changes nothing.
 * @param b shift per channel, [channels]; 0 for an adapter that changes nothing.
 * @returns [rows, channels].
 * @throws MismatchError ADAPTER_SHAPE.
 */
export function hadamardForward<A extends Floats>(x: A, w: Floats, b: Floats): A {
  checkChannels(x, w, b);
  const channels = w.length;
  const y = zeros(x, x.length);
  for (let i = 0; i < x.length; i++) y[i] = at(w, i % channels) * at(x, i) + at(b, i % channels);
  return y;
}

/**
 * Gradients of the adapter: dx = w ⊙ dy, dw = Σ over rows of x ⊙ dy, db = Σ over rows of dy. Sums are kept in float64.
 *
 * @param dy gradient of the loss with respect to y, [rows, channels].
 * @throws MismatchError ADAPTER_SHAPE.
 */
export function hadamardBackward<A extends Floats>(x: A, w: Floats, dy: Floats): { dx: A; dw: A; db: A } {
  checkChannels(x, w, w);
  if (dy.length !== x.length) throw shapeError('dy does not fit x', dy.length, x.length);
  const channels = w.length;
  const dx = zeros(x, x.length);
  const dw = new Float64Array(channels);
  const db = new Float64Array(channels);
  for (let i = 0; i < x.length; i++) {
    const channel = i % channels;
    dx[i] = at(w, channel) * at(dy, i);
    dw[channel] = at(dw, channel) + at(x, i) * at(dy, i);
    db[channel] = at(db, channel) + at(dy, i);
  }
  return { dx, dw: copy(x, dw), db: copy(x, db) };
}

/** A linear layer y = x · W + bias with an adapter at one of its two sides. */
export interface Projection<A extends Floats> {
  /** [inputs, outputs], row-major: the transpose of a PyTorch `Linear.weight`; with `transposed` [outputs, inputs]. */
  readonly weight: A;
  /** [outputs] */
  readonly bias: A;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed?: boolean;
}

/**
 * Put the adapter into the attention output projection, so that inference costs nothing. Site `context`: W′ =
 * diag(w)·W, bias′ = bias + bᵀW. Site `output`: W′ = W·diag(w), bias′ = w ⊙ bias + b.
 *
 * @param w [inputs] at site `context`, [outputs] at site `output`; `b` likewise.
 * @throws MismatchError ADAPTER_SHAPE.
 */
export function foldIntoProjection<A extends Floats>(
  projection: Projection<A>,
  site: Site,
  w: Floats,
  b: Floats,
): Projection<A> {
  checkProjection(projection, site, w, b);
  const { weight, bias } = projection;
  const scaled = zeros(weight, weight.length);
  const shifted = Float64Array.from(bias, (value, j) => (site === 'context' ? value : at(w, j) * value + at(b, j)));
  forEachWeight(projection, (k, input, output) => {
    const value = at(weight, k);
    scaled[k] = value * at(w, site === 'context' ? input : output);
    if (site === 'context') shifted[output] = at(shifted, output) + at(b, input) * value;
  });
  return { ...projection, weight: scaled, bias: copy(bias, shifted) };
}

/** Whether folding with this scale can be undone: every entry is finite and not 0. */
export function foldable(w: Floats): boolean {
  return w.every((value) => value !== 0 && Number.isFinite(value));
}

/**
 * Take a folded adapter out again, up to rounding.
 *
 * @throws ConfigError ADAPTER_NOT_INVERTIBLE when a scale is 0 or not finite: what it multiplied is lost.
 * @throws MismatchError ADAPTER_SHAPE.
 */
export function unfoldFromProjection<A extends Floats>(
  projection: Projection<A>,
  site: Site,
  w: Floats,
  b: Floats,
): Projection<A> {
  checkProjection(projection, site, w, b);
  if (!foldable(w)) {
    const channel = w.findIndex((value) => value === 0 || !Number.isFinite(value));
    throw new ConfigError('The adapter cannot be taken out of the weights again', {
      code: 'ADAPTER_NOT_INVERTIBLE',
      found: `scale ${at(w, channel)} in channel ${channel}`,
      expected: 'scales that are finite and not 0',
      hint: 'Start from the original base model instead.',
    });
  }
  const { weight, bias } = projection;
  const original = zeros(weight, weight.length);
  const shifted = Float64Array.from(bias, (value, j) => (site === 'context' ? value : (value - at(b, j)) / at(w, j)));
  forEachWeight(projection, (k, input, output) => {
    const value = at(weight, k) / at(w, site === 'context' ? input : output);
    original[k] = value;
    if (site === 'context') shifted[output] = at(shifted, output) - at(b, input) * value;
  });
  return { ...projection, weight: original, bias: copy(bias, shifted) };
}

/** Each weight by its place in the matrix as it is stored. Inputs of one output come in their order either way. */
function forEachWeight(
  { inputs, outputs, transposed = false }: Projection<Floats>,
  work: (k: number, input: number, output: number) => void,
): void {
  const [rows, columns] = transposed ? [outputs, inputs] : [inputs, outputs];
  for (let row = 0, k = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, k++)
      if (transposed) work(k, column, row);
      else work(k, row, column);
}

/** Lengths are compared once before a loop, not in it. */
const at = (values: Floats, index: number): number => values[index] ?? Number.NaN;

function zeros<A extends Floats>(like: A, length: number): A {
  return (like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)) as A;
}

function copy<A extends Floats>(like: A, values: Float64Array): A {
  const copied = zeros(like, values.length);
  copied.set(values);
  return copied;
}

function checkChannels(x: Floats, w: Floats, b: Floats): void {
  if (w.length !== b.length) throw shapeError('Scale and shift differ in length', b.length, w.length);
  if (x.length === 0 || (w.length > 0 && x.length % w.length === 0)) return;
  throw new MismatchError('x is not made of whole rows', {
    code: 'ADAPTER_SHAPE',
    found: `${x.length} numbers`,
    expected: `a multiple of ${w.length} channels`,
  });
}

function checkProjection(
  { weight, bias, inputs, outputs }: Projection<Floats>,
  site: Site,
  w: Floats,
  b: Floats,
): void {
  const channels = site === 'context' ? inputs : outputs;
  if (weight.length !== inputs * outputs)
    throw shapeError('The weight does not have inputs × outputs entries', weight.length, inputs * outputs);
  if (bias.length !== outputs) throw shapeError('The bias does not have one entry per output', bias.length, outputs);
  if (w.length !== channels) throw shapeError(`The scale does not fit site ${site}`, w.length, channels);
  if (b.length !== channels) throw shapeError(`The shift does not fit site ${site}`, b.length, channels);
}

function shapeError(what: string, found: number, expected: number): MismatchError {
  return new MismatchError(what, { code: 'ADAPTER_SHAPE', found: `${found} numbers`, expected: String(expected) });
}
