import { UnsupportedError } from '@hadamard-adapter/core';
import { operatorOf, quote, type Node, type View } from '@hadamard-adapter/graph/internal';

/**
 * The first norm reached from `value`, breadth first, without passing through another attention; undefined when there
 * is none.
 *
 * @throws UnsupportedError SITE_AMBIGUOUS when two are equally near, naming them.
 */
export function nextNorm(view: View, value: string, key: string, attentions: ReadonlySet<Node>): Node | undefined {
  let frontier = [value];
  const seen = new Set(frontier);
  while (frontier.length > 0) {
    const readers = [...new Set(frontier.flatMap((name) => view.consumers(name)))];
    const norms = readers.filter((node) => operatorOf(node).isNorm === true);
    if (norms.length > 1) {
      throw new UnsupportedError(`The norm of the attention block ${key} cannot be told`, {
        code: 'SITE_AMBIGUOUS',
        found: `${norms.length} candidates: ${norms.map(({ name }) => quote(name)).join(', ')}`,
        expected: 'one norm after the residual',
        hint: 'Train without norms: norm "none".',
      });
    }
    if (norms.length === 1) return norms[0];
    frontier = readers
      .filter((node) => !attentions.has(node))
      .flatMap(({ outputs }) => outputs)
      .filter((name) => name !== '' && !seen.has(name));
    for (const name of frontier) seen.add(name);
  }
  return undefined;
}
