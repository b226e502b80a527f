import { argmax } from '../math/loss.js';
import type { Metric } from './metrics.js';
import { elementAt } from '../values.js';

/**
 * The places of entities in tags that begin with `B-`, `I-`, `E-` or `S-`, or are `O`: `type:first:last`. A tag that
 * continues nothing begins an entity, as in CoNLL's evaluation script.
 */
export function entitiesOf(tags: readonly string[]): Set<string> {
  const found = new Set<string>();
  let open: { readonly type: string; readonly first: number } | undefined;
  const close = (last: number): void => {
    if (open !== undefined) found.add(`${open.type}:${open.first}:${last}`);
    open = undefined;
  };
  tags.forEach((tag, i) => {
    const [, prefix = 'I', type = tag] = /^([BIES])-(.+)$/.exec(tag) ?? [];
    if (tag === 'O' || prefix === 'B' || prefix === 'S' || open?.type !== type) close(i - 1);
    if (tag === 'O') return;
    open ??= { type, first: i };
    if (prefix === 'E' || prefix === 'S') close(i);
  });
  close(tags.length - 1);
  return found;
}

/**
 * Precision, recall and as the main score F1 of whole entities (Tjong Kim Sang & De Meulder, arXiv cs/0306050), and
 * accuracy of tokens.
 *
 * @param names label of each index: `O`, `B-PER`, …
 */
export function entityMetric(names: readonly string[]): Metric {
  return {
    name: 'f1',
    main: 'f1',
    compute(logits, labels, numLabels, rows = new Int32Array(labels.length)) {
      const predictions = argmax(logits, numLabels);
      let [both, predicted, present, right] = [0, 0, 0, 0];
      for (let from = 0, to = 0; from < labels.length; from = to) {
        for (to = from; to < labels.length && rows[to] === rows[from]; to++)
          if (predictions[to] === labels[to]) right++;
        const tags = (indices: ArrayLike<number>): string[] =>
          Array.from({ length: to - from }, (_, i) => names[elementAt(indices, from + i)] ?? 'O');
        const [answers, truth] = [entitiesOf(tags(predictions)), entitiesOf(tags(labels))];
        predicted += answers.size;
        present += truth.size;
        for (const entity of answers) if (truth.has(entity)) both++;
      }
      const share = (part: number, of: number): number => (of === 0 ? 0 : part / of);
      return {
        f1: share(2 * both, predicted + present),
        precision: share(both, predicted),
        recall: share(both, present),
        accuracy: share(right, labels.length),
      };
    },
  };
}
