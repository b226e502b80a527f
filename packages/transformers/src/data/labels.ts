import { labelNames } from '@hadamard-adapter/core/internal';
import { DataError } from '@hadamard-adapter/core';

/** Names of the labels of some data, in the order of their indices; indices themselves are named by number. */
export function namesOfLabels(labels: readonly (string | number)[]): string[] {
  if (labels.every((label) => typeof label === 'number'))
    return Array.from({ length: Math.max(1, ...labels.map((label) => label + 1)) }, (_, i) => `LABEL_${i}`);
  return labelNames(labels.map(String));
}

/**
 * @param place where the label is, for the message.
 * @throws DataError LABEL_UNKNOWN.
 */
export function labelIndex(label: string | number, place: string, names: readonly string[]): number {
  const index = typeof label === 'number' ? label : names.indexOf(label);
  if (Number.isInteger(index) && index >= 0 && index < names.length) return index;
  throw new DataError('A label is unknown', {
    code: 'LABEL_UNKNOWN',
    found: `${JSON.stringify(label)} for ${place}`,
    expected: `one of ${names.join(', ')}, or an index from 0 to ${names.length - 1}`,
  });
}

/** @throws DataError TEXT_EMPTY, LABEL_COUNT. */
export function checkCounts(what: string, texts: readonly unknown[], labels: readonly unknown[] | undefined): void {
  if (texts.length === 0) throw new DataError(`There are no ${what}`, { code: 'TEXT_EMPTY', expected: 'at least one' });
  if (labels !== undefined && labels.length !== texts.length)
    throw new DataError(`Labels do not match the ${what}`, {
      code: 'LABEL_COUNT',
      found: `${labels.length}`,
      expected: `${texts.length}, one for each`,
    });
}
