import { elementAt } from '@hadamard-adapter/core/internal';
/** A comparison that failed; its message becomes the message of the failure. */
export class ConformanceFailure extends Error {}

export function fail(message: string): never {
  throw new ConformanceFailure(message);
}

/**
 * Largest absolute difference. Fails on another length, and on anything that is not a number.
 *
 * @param relevant which entries count; default all.
 */
export function largestDifference(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  relevant: (index: number) => boolean = () => true,
): number {
  if (found.length !== expected.length) fail(`${what}: ${found.length} numbers instead of ${expected.length}`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!relevant(i)) continue;
    const difference = Math.abs(elementAt(found, i) - elementAt(expected, i));
    // NaN compares as false to everything, so it is asked for.
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return worst;
}

export function within(error: number, bound: number, what: string): number {
  if (error <= bound) return error;
  return fail(`${what}: off by ${error.toExponential(2)}, allowed ${bound.toExponential(0)}`);
}

export function largest(values: ArrayLike<number>): number {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(elementAt(values, i)));
  return top;
}
