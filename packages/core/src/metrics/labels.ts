/**
 * The distinct labels of some data in the order of their indices: numbers by value, anything else by code point, and
 * in front of all `O`, the tag of tokens outside of entities.
 */
export function labelNames(labels: readonly string[]): string[] {
  const distinct = [...new Set(labels)];
  const numeric = distinct.every((name) => /^-?\d+(\.\d+)?$/.test(name));
  return distinct.toSorted((a, b) => {
    if (numeric) return Number(a) - Number(b);
    return Number(b === 'O') - Number(a === 'O') || (a < b ? -1 : a > b ? 1 : 0);
  });
}
