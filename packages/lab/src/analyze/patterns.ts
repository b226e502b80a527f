import { cosine, distribution, type Distribution } from '@hadamard-adapter/core/analysis';
import { mean } from 'simple-statistics';
import type { Run } from './runs.js';

/**
 * What of an adapter is compared. Scales start at 1, so that those of any two adapters look alike; what training
 * changed is w − 1.
 */
export const VECTORS = ['w', 'w − 1', 'b'] as const;

export type VectorName = (typeof VECTORS)[number];

/** Cosine similarity of two adapters in one layer. */
export interface Likeness {
  readonly vector: VectorName;
  readonly layer: number;
  readonly left: Run;
  readonly right: Run;
  /** Undefined when one of them has not moved here, or has no adapter in this layer. */
  readonly cosine: number | undefined;
}

/** How the numbers of one layer are spread. */
export interface Spread extends Distribution {
  readonly run: Run;
  readonly layer: number;
  readonly vector: 'w' | 'b';
}

export function vectorOf(
  { w, b }: { readonly w: Float32Array; readonly b: Float32Array },
  name: VectorName,
): Float32Array {
  return name === 'w' ? w : name === 'b' ? b : w.map((value) => value - 1);
}

/** All pairs of runs, layer by layer, over the self-attentions. */
export function likenesses(runs: readonly Run[]): Likeness[] {
  const pairs = runs.flatMap((left, i) => runs.slice(i + 1).map((right) => [left, right] as const));
  return pairs.flatMap(([left, right]) =>
    layersOf([left, right]).flatMap((layer) => {
      const [a, b] = [siteOf(left, layer), siteOf(right, layer)];
      return VECTORS.map((vector) => ({
        vector,
        layer,
        left,
        right,
        cosine: a === undefined || b === undefined ? undefined : cosine(vectorOf(a, vector), vectorOf(b, vector)),
      }));
    }),
  );
}

export function spreads(runs: readonly Run[]): Spread[] {
  return runs.flatMap((run) =>
    layersOf([run]).flatMap((layer) =>
      (['w', 'b'] as const).flatMap((vector) => {
        const site = siteOf(run, layer);
        return site === undefined ? [] : [{ run, layer, vector, ...distribution(site[vector]) }];
      }),
    ),
  );
}

/** Mean over layers for each pair of tasks, over all pairs of their runs; of a task with itself over pairs of seeds. */
export function betweenTasks(
  found: readonly Likeness[],
  vector: VectorName,
  left: string,
  right: string,
): { readonly cosine: number | undefined; readonly pairs: number } {
  const own = found.filter(
    (each) =>
      each.vector === vector &&
      each.cosine !== undefined &&
      ((each.left.task === left && each.right.task === right) ||
        (each.left.task === right && each.right.task === left)),
  );
  const pairs = new Set(own.map((each) => `${each.left.name}\n${each.right.name}`)).size;
  return { cosine: own.length === 0 ? undefined : mean(own.flatMap(({ cosine }) => cosine ?? [])), pairs };
}

const siteOf = ({ sites }: Run, layer: number): Run['sites'][number] | undefined =>
  sites.find((site) => site.layer === layer && !site.key.endsWith('.cross'));

export const layersOf = (runs: readonly Run[]): number[] =>
  [...new Set(runs.flatMap(({ sites }) => sites.map(({ layer }) => layer)))].toSorted((a, b) => a - b);
