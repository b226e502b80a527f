import { ConfigError, MismatchError } from '../errors.js';
import { GROUPS, type Group, type HeadKind, type Norm, type ParameterInfo } from './model.js';

/** Half-open range of a flat vector. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Where each parameter lies in the flat vector of all parameters. `groups` left out means all groups; their order does
 * not matter.
 */
export interface Layout {
  readonly parameters: readonly ParameterInfo[];
  /** Numbers in the vector of all parameters. */
  readonly size: number;
  offset(name: string): number;
  sizeOf(name: string): number;
  sizeOfGroups(groups?: readonly Group[]): number;
  /** The ranges of `groups` in the vector of all parameters, neighbours merged. */
  groupRanges(groups?: readonly Group[]): readonly Range[];
  /** View of one parameter in the vector of all parameters. */
  slice(values: Float32Array, name: string): Float32Array;
  /** The parameters by name, as views of `values`, which is the flat vector of `groups`. */
  named(values: Float32Array, groups?: readonly Group[]): Map<string, Float32Array>;
  /** Copy of the parameters of `groups` out of the vector of all. */
  gather(values: Float32Array, groups?: readonly Group[]): Float32Array;
  /** Replace the parameters of `groups` in the vector of all. */
  scatter(values: Float32Array, part: Float32Array, groups?: readonly Group[]): void;
}

/**
 * Lay parameters out in one flat vector, one after the other.
 *
 * @throws ConfigError PARAMETER_ORDER, PARAMETER_DUPLICATE, PARAMETER_SHAPE when the list itself is wrong. The
 *   functions of the result throw MismatchError PARAMETER_UNKNOWN for a name that is not in the list and
 *   PARAMETER_LENGTH for a vector of the wrong length.
 */
export function layout(parameters: readonly ParameterInfo[]): Layout {
  const ranges = new Map<string, Range>();
  let size = 0;
  let group = 0;
  for (const { name, shape, group: of } of parameters) {
    const index = GROUPS.indexOf(of);
    if (index < group)
      throw new ConfigError('Parameters are not sorted by group', {
        code: 'PARAMETER_ORDER',
        found: `${name} of group ${of} after ${GROUPS[group]}`,
        expected: GROUPS.join(', '),
      });
    group = index;
    if (ranges.has(name))
      throw new ConfigError('Two parameters have the same name', { code: 'PARAMETER_DUPLICATE', found: name });
    const end = size + sizeOfShape(name, shape);
    ranges.set(name, { start: size, end });
    size = end;
  }

  const range = (name: string): Range => {
    const found = ranges.get(name);
    if (found === undefined)
      throw new MismatchError('The model has no such parameter', { code: 'PARAMETER_UNKNOWN', found: name });
    return found;
  };
  const check = (values: Float32Array, expected: number, groups?: readonly Group[]): void => {
    if (values.length === expected) return;
    throw new MismatchError('A parameter vector has the wrong length', {
      code: 'PARAMETER_LENGTH',
      found: `${values.length} numbers`,
      expected: `${expected}${groups === undefined ? '' : ` for ${groups.join(', ')}`}`,
    });
  };
  const groupRanges = (groups: readonly Group[] = GROUPS): Range[] => {
    const merged: Range[] = [];
    for (const { name, group: of } of parameters) {
      if (!groups.includes(of)) continue;
      const { start, end } = range(name);
      const last = merged.at(-1);
      if (last?.end === start) merged[merged.length - 1] = { start: last.start, end };
      else merged.push({ start, end });
    }
    return merged;
  };
  const sizeOfGroups = (groups?: readonly Group[]): number =>
    groupRanges(groups).reduce((sum, { start, end }) => sum + end - start, 0);

  return {
    parameters,
    size,
    offset: (name) => range(name).start,
    sizeOf: (name) => range(name).end - range(name).start,
    sizeOfGroups,
    groupRanges,
    slice(values, name) {
      check(values, size);
      return values.subarray(range(name).start, range(name).end);
    },
    named(values, groups = GROUPS) {
      check(values, sizeOfGroups(groups), groups);
      let at = 0;
      return new Map(
        parameters
          .filter((parameter) => groups.includes(parameter.group))
          .map(({ name }) => {
            const { start, end } = range(name);
            at += end - start;
            return [name, values.subarray(at - (end - start), at)];
          }),
      );
    },
    gather(values, groups) {
      check(values, size);
      const part = new Float32Array(sizeOfGroups(groups));
      let at = 0;
      for (const { start, end } of groupRanges(groups)) {
        part.set(values.subarray(start, end), at);
        at += end - start;
      }
      return part;
    },
    scatter(values, part, groups) {
      check(values, size);
      check(part, sizeOfGroups(groups), groups);
      let at = 0;
      for (const { start, end } of groupRanges(groups)) {
        values.set(part.subarray(at, at + end - start), start);
        at += end - start;
      }
    },
  };
}

function sizeOfShape(name: string, shape: readonly number[]): number {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (shape.every((dimension) => Number.isInteger(dimension) && dimension >= 0) && Number.isSafeInteger(size))
    return size;
  throw new ConfigError(`Parameter ${name} has an impossible shape`, {
    code: 'PARAMETER_SHAPE',
    found: `[${shape.join(', ')}]`,
    expected: 'dimensions of at least 0',
  });
}

export interface CountOptions {
  readonly hiddenSize: number;
  /** Number of layers that carry an adapter. */
  readonly layers: number;
  readonly norm: Norm;
  /** False for a norm that only scales (RMSNorm, as in T5). Default true. */
  readonly normShift?: boolean;
  /** Count a classifier with this many labels too. Default: none, which is how the paper counts (section 4.3). */
  readonly numLabels?: number;
  /** Kind of that classifier. Default `linear`. */
  readonly head?: Exclude<HeadKind, 'model'>;
}

/**
 * How many numbers training changes: per layer the adapter's w and b, and scale and shift of the trained norms.
 * BERT-base: 12 × 768 × 4 = 36,864.
 */
export function countTrainable({
  hiddenSize,
  layers,
  norm,
  normShift = true,
  numLabels,
  head = 'linear',
}: CountOptions): number {
  const norms = { none: 0, attention: 1, output: 1, both: 2 }[norm];
  const perLayer = hiddenSize * (2 + norms * (normShift ? 2 : 1));
  const dense = head === 'tanh' ? hiddenSize * (hiddenSize + 1) : 0;
  return layers * perLayer + (numLabels === undefined ? 0 : dense + numLabels * (hiddenSize + 1));
}

/** The part of `total` parameters that is trained, 0 … 1. */
export function share(trainable: number, total: number): number {
  return total === 0 ? 0 : trainable / total;
}

/** A share as a percentage with three significant digits: `0.0337 %`. */
export function formatShare(fraction: number): string {
  return `${new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 }).format(fraction * 100)} %`;
}

/** A count with thousands separators: `36,864`. */
export function formatCount(count: number): string {
  return new Intl.NumberFormat('en-US').format(count);
}
