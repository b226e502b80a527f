/** The permutation that equals transposing by `inner` and then by `outer`. */
export function composePermutations(inner: readonly number[], outer: readonly number[]): number[] {
  return outer.map((axis) => inner[axis] ?? axis);
}

export function equalInts(left: readonly number[] | undefined, right: readonly number[]): boolean {
  return left !== undefined && left.length === right.length && left.every((value, i) => value === right[i]);
}
