/**
 * A dimension before a graph runs: a number, or an expression in symbols (`batch`, `sequence`), which stand for numbers
 * of at least 1. Equal expressions have equal keys, so that two dimensions are the same at every size exactly when
 * `sameDim` says so; what cannot be told is unknown, with the reason.
 *
 * After tract's `TDim` (https://github.com/sonos/tract): sums of products, floor quotients, minima and maxima.
 */
export type Dim = number | SymbolicDim;

/** A sum of products, in a normal form. Made by the functions of this file only. */
export interface SymbolicDim {
  readonly terms: readonly Term[];
  /** The expression as text, which is also what two of them are compared by. */
  readonly key: string;
}

/** coefficient · factor · factor …; a term without factors is a number. */
interface Term {
  readonly coefficient: number;
  /** Sorted by key; a factor that is squared stands twice. */
  readonly factors: readonly Atom[];
}

type Atom =
  | { readonly kind: 'symbol'; readonly key: string }
  | { readonly kind: 'floor'; readonly key: string; readonly of: Dim; readonly by: Dim }
  | { readonly kind: 'min' | 'max'; readonly key: string; readonly of: readonly Dim[] }
  | { readonly kind: 'unknown'; readonly key: string; readonly why: string };

/** A dimension that is decided when the graph runs, at least 1. */
export const symbol = (name: string): Dim => single({ kind: 'symbol', key: name });

/** A dimension that cannot be told. Equal to one with the same reason only, so the reason names the value. */
export const unknownDim = (why: string): Dim => single({ kind: 'unknown', key: `?(${why})`, why });

/** Whether two dimensions are the same whatever the symbols stand for. */
export function sameDim(left: Dim | undefined, right: Dim | undefined): boolean {
  if (typeof left === 'number' || typeof right === 'number') return left === right;
  return left !== undefined && left.key === right?.key;
}

export const sameDims = (left: readonly Dim[], right: readonly Dim[]): boolean =>
  left.length === right.length && left.every((dim, axis) => sameDim(dim, right[axis]));

/** As people read it: `384`, `sequence`, `2*sequence-1`. */
export const dimText = (dim: Dim): string => (typeof dim === 'number' ? String(dim) : dim.key);

/** Why a dimension cannot be told; undefined for one that can. */
export function whyUnknown(dim: Dim): string | undefined {
  for (const atom of atomsOf(dim)) {
    if (atom.kind === 'unknown') return atom.why;
    const inner = atom.kind === 'symbol' ? [] : atom.kind === 'floor' ? [atom.of, atom.by] : atom.of;
    for (const part of inner) {
      const why = whyUnknown(part);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

export function addDims(left: Dim, right: Dim): Dim {
  if (typeof left === 'number' && typeof right === 'number') return left + right;
  // What is added to the smaller of two is added to both: the rows of a table less those in front of the first one.
  const bound = extremeIn(left) ?? extremeIn(right);
  if (bound !== undefined && left !== 0 && right !== 0) {
    const other = extremeIn(left) === undefined ? left : right;
    return extreme(
      bound.kind,
      bound.of.map((dim) => addDims(dim, other)),
    );
  }
  return normal([...termsOf(left), ...termsOf(right)]);
}

/** The minimum or maximum that a dimension is, if it is nothing else. */
function extremeIn(dim: Dim): Extract<Atom, { kind: 'min' | 'max' }> | undefined {
  const [term, ...more] = termsOf(dim);
  const [atom, ...others] = term?.factors ?? [];
  if (term?.coefficient !== 1 || more.length > 0 || others.length > 0) return undefined;
  return atom?.kind === 'min' || atom?.kind === 'max' ? atom : undefined;
}

export const subtractDims = (left: Dim, right: Dim): Dim => addDims(left, multiplyDims(right, -1));

export function multiplyDims(left: Dim, right: Dim): Dim {
  if (typeof left === 'number' && typeof right === 'number') return left * right;
  return normal(
    termsOf(left).flatMap((a) =>
      termsOf(right).map((b) => ({
        coefficient: a.coefficient * b.coefficient,
        factors: [...a.factors, ...b.factors].toSorted(byKey),
      })),
    ),
  );
}

export const productOf = (dims: readonly Dim[]): Dim => dims.reduce(multiplyDims, 1);

/** ⌊left / right⌋; exact where the division comes out even. */
export function floorQuotient(left: Dim, right: Dim): Dim {
  if (typeof left === 'number' && typeof right === 'number') return Math.floor(left / right);
  const exact = exactQuotient(left, right);
  if (exact !== undefined) return exact;
  return single({ kind: 'floor', key: `floor((${dimText(left)})/(${dimText(right)}))`, of: left, by: right });
}

/** left / right where that comes out even at every size; undefined where it cannot be seen to. */
export function exactQuotient(left: Dim, right: Dim): Dim | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    return right !== 0 && Number.isInteger(left / right) ? left / right : undefined;
  }
  if (sameDim(left, right)) return 1;
  const [divisor, ...more] = termsOf(right);
  if (divisor === undefined || more.length > 0) return undefined;
  const terms: Term[] = [];
  for (const { coefficient, factors } of termsOf(left)) {
    const rest = without(factors, divisor.factors);
    if (rest === undefined || !Number.isInteger(coefficient / divisor.coefficient)) return undefined;
    terms.push({ coefficient: coefficient / divisor.coefficient, factors: rest });
  }
  return normal(terms);
}

export const smallestOf = (...dims: readonly Dim[]): Dim => extreme('min', dims);
export const largestOf = (...dims: readonly Dim[]): Dim => extreme('max', dims);

/** Whether left ≥ right can be told for all sizes of at least 1. */
export const isAtLeast = (left: Dim, right: Dim): boolean => leastOf(subtractDims(left, right)) >= 0;

/** The value at given sizes; undefined when a symbol has none, or something is unknown. */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number | undefined {
  let sum = 0;
  for (const { coefficient, factors } of termsOf(dim)) {
    let product = coefficient;
    for (const factor of factors) {
      const value = evaluateAtom(factor, sizes);
      if (value === undefined) return undefined;
      product *= value;
    }
    sum += product;
  }
  return sum;
}

function evaluateAtom(atom: Atom, sizes: ReadonlyMap<string, number>): number | undefined {
  switch (atom.kind) {
    case 'symbol':
      return sizes.get(atom.key);
    case 'unknown':
      return undefined;
    case 'floor': {
      const [of, by] = [evaluateDim(atom.of, sizes), evaluateDim(atom.by, sizes)];
      return of === undefined || by === undefined ? undefined : Math.floor(of / by);
    }
    default: {
      const values: number[] = [];
      for (const part of atom.of) {
        const value = evaluateDim(part, sizes);
        if (value === undefined) return undefined;
        values.push(value);
      }
      return atom.kind === 'min' ? Math.min(...values) : Math.max(...values);
    }
  }
}

/** Whether `part` is one of those that `dim`, a minimum, is the smallest of. */
export function isSmallestAmong(dim: Dim, part: Dim): boolean {
  const [atom, ...more] = atomsOf(dim);
  return more.length === 0 && atom?.kind === 'min' && atom.of.some((each) => sameDim(each, part));
}

function extreme(kind: 'min' | 'max', dims: readonly Dim[]): Dim {
  const kept: Dim[] = [];
  // What another one is never beyond plays no part.
  const isIdle = (dim: Dim, other: Dim): boolean => (kind === 'min' ? isAtLeast(dim, other) : isAtLeast(other, dim));
  for (const dim of dims) {
    if (kept.some((other) => isIdle(dim, other))) continue;
    const rest = kept.filter((other) => !isIdle(other, dim));
    kept.splice(0, kept.length, ...rest, dim);
  }
  const [first = 0, ...more] = kept;
  if (more.length === 0) return first;
  const of = kept.toSorted((a, b) => (dimText(a) < dimText(b) ? -1 : 1));
  return single({ kind, key: `${kind}(${of.map(dimText).join(',')})`, of });
}

/** A bound from below, every symbol being at least 1; −∞ where there is none. */
function leastOf(dim: Dim): number {
  return termsOf(dim).reduce((sum, { coefficient, factors }) => {
    const bounds = factors.map((factor) => (coefficient < 0 ? mostOfAtom(factor) : leastOfAtom(factor)));
    // A product of bounds is a bound where none is negative.
    if (bounds.some((bound) => bound < 0)) return Number.NEGATIVE_INFINITY;
    return sum + coefficient * bounds.reduce((product, bound) => product * bound, 1);
  }, 0);
}

function leastOfAtom(atom: Atom): number {
  switch (atom.kind) {
    case 'symbol':
      return 1;
    case 'unknown':
      return Number.NEGATIVE_INFINITY;
    case 'floor':
      return leastOf(atom.of) >= 0 && leastOf(atom.by) > 0 ? 0 : Number.NEGATIVE_INFINITY;
    case 'min':
      return Math.min(...atom.of.map(leastOf));
    case 'max':
      return Math.max(...atom.of.map(leastOf));
  }
}

function mostOfAtom(atom: Atom): number {
  if (atom.kind !== 'min') return Number.POSITIVE_INFINITY;
  return Math.min(...atom.of.map((dim) => (typeof dim === 'number' ? dim : Number.POSITIVE_INFINITY)));
}

const atomsOf = (dim: Dim): readonly Atom[] => termsOf(dim).flatMap(({ factors }) => factors);

const termsOf = (dim: Dim): readonly Term[] =>
  typeof dim === 'number' ? (dim === 0 ? [] : [{ coefficient: dim, factors: [] }]) : dim.terms;

const single = (atom: Atom): Dim => normal([{ coefficient: 1, factors: [atom] }]);

const byKey = (left: Atom, right: Atom): number => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0);

const productKey = (factors: readonly Atom[]): string => factors.map(({ key }) => key).join('*');

/**
 * Equal products added up, those of coefficient 0 left out, in the order of their keys; a plain number where none has a
 * factor.
 */
function normal(terms: readonly Term[]): Dim {
  const sums = new Map<string, Term>();
  for (const { coefficient, factors } of terms) {
    const key = productKey(factors);
    sums.set(key, { coefficient: coefficient + (sums.get(key)?.coefficient ?? 0), factors });
  }
  const kept = [...sums].filter(([, { coefficient }]) => coefficient !== 0);
  if (kept.every(([key]) => key === '')) return kept[0]?.[1].coefficient ?? 0;
  // The number comes last, as it is written.
  const sorted = kept.toSorted(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
  const text = sorted.map(([key, { coefficient }]) => termText(key, coefficient)).join('');
  return { terms: sorted.map(([, term]) => term), key: text.startsWith('+') ? text.slice(1) : text };
}

function termText(key: string, coefficient: number): string {
  const sign = coefficient < 0 ? '-' : '+';
  const size = Math.abs(coefficient);
  if (key === '') return `${sign}${size}`;
  return size === 1 ? `${sign}${key}` : `${sign}${size}*${key}`;
}

/** The factors less those of `taken`; undefined when one of these is not among them. */
function without(factors: readonly Atom[], taken: readonly Atom[]): readonly Atom[] | undefined {
  const rest = [...factors];
  for (const { key } of taken) {
    const at = rest.findIndex((factor) => factor.key === key);
    if (at === -1) return undefined;
    rest.splice(at, 1);
  }
  return rest;
}
