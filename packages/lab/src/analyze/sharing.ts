import { MismatchError, layout, type Layout } from '@hadamard-adapter/core';
import {
  meanVector,
  numbersOfBasis,
  numbersOfLayers,
  type LayerParameter,
  type LayerScore,
} from '@hadamard-adapter/core/analysis';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { basisOf, heldBy } from './basis.js';
import type { Scorer } from './scorer.js';

/** What stage two trains. */
const TRAINED = ['adapter', 'norm'] as const;

/** How the adapters of several tasks are made one, or nearly; the classifier is always the task's own. */
export const VARIANTS = ['own', 'scale', 'joint', 'mean', 'none'] as const;

/**
 * `own`: nothing is shared. `scale`: w is the mean over tasks, b and norms are the task's own. `joint`: one adapter
 * that was trained for all tasks together. `mean`: the mean of all adapters and norms. `none`: no adapter at all.
 */
export type Variant = (typeof VARIANTS)[number];

export interface SharedScore extends LayerScore {
  readonly task: string;
  readonly variant: Variant;
}

/** The adapter of one task with the classifier of another. */
export interface CrossScore extends LayerScore {
  readonly from: string;
  readonly on: string;
}

/** All adapters from few vectors: one basis for whole adapters, or one for each layer. */
export interface RankScore extends LayerScore {
  readonly kind: 'whole' | 'by layer';
  readonly rank: number;
  readonly task: string;
}

export interface RankSummary {
  readonly kind: RankScore['kind'];
  readonly rank: number;
  /** Share of the squared length of what training changed. */
  readonly held: number;
  /** Of all tasks together. */
  readonly numbers: number;
}

export interface SharingAnalysis {
  readonly scorers: readonly Scorer[];
  readonly shared: readonly SharedScore[];
  readonly cross: readonly CrossScore[];
  readonly ranks: readonly RankSummary[];
  readonly rankScores: readonly RankScore[];
  /** Numbers that all tasks together take, without classifiers. */
  readonly numbers: Readonly<Record<Variant, number>>;
  /** Those that were scored: `joint` only where one was trained. */
  readonly variants: readonly Variant[];
}

/** Numbers trained in stage two. */
const trainedOf = (places: Layout, values: Float32Array): Float32Array => places.gather(values, TRAINED);

/** The same classifier with other numbers of adapter and norms. */
function withTrained({ own }: Scorer, places: Layout, trained: Float32Array): Float32Array {
  const values = own.slice();
  places.scatter(values, trained, TRAINED);
  return values;
}

/**
 * Score what several tasks can share.
 *
 * @param scorers one for each task, at least two, all of one base and one place of adapters.
 * @param joint adapter and norms trained for all of them, flat.
 */
export async function analyzeSharing(
  scorers: readonly Scorer[],
  joint: Float32Array | undefined,
  onScored: (done: number, total: number) => void = () => {},
): Promise<SharingAnalysis> {
  const tasks = scorers.length;
  const variants = VARIANTS.filter((variant) => variant !== 'joint' || joint !== undefined);
  const total = tasks * variants.length + tasks * (tasks - 1) + 2 * tasks * Math.max(0, tasks - 1);
  let done = 0;
  const score = async (scorer: Scorer, values: Float32Array): Promise<LayerScore> => {
    const result = await scorer.score(values);
    onScored(++done, total);
    return result;
  };
  const placesOf = new Map(scorers.map((scorer) => [scorer, layout(scorer.parameters)]));
  const places = (scorer: Scorer): Layout => present(placesOf.get(scorer));
  const trained = scorers.map((scorer) => trainedOf(places(scorer), scorer.own));
  const other = trained.findIndex(({ length }) => length !== trained[0]?.length);
  if (other >= 0) {
    const [first, second] = [elementAt(scorers, 0), elementAt(scorers, other)];
    throw new MismatchError('Adapters on other layers cannot share their norms', {
      code: 'ADAPTER_SITE_MISMATCH',
      found: `layers ${second.run.adapter.config.layers.join(', ')} in ${second.run.name}`,
      expected: `${first.run.adapter.config.layers.join(', ')} as in ${first.run.name}`,
      hint: 'In this model layers share norms: analyze adapters of the same layers.',
    });
  }
  const average = meanVector(trained);
  const { parameters } = elementAt(scorers, 0);
  const isScale = maskOf(parameters, ({ name }) => name.endsWith('.adapter.weight'));

  const values: Readonly<Record<Variant, (scorer: Scorer, own: Float32Array) => Float32Array>> = {
    own: ({ own }) => own,
    scale: (scorer, own) =>
      withTrained(
        scorer,
        places(scorer),
        own.map((value, i) => (isScale[i] === 1 ? elementAt(average, i) : value)),
      ),
    joint: (scorer) => withTrained(scorer, places(scorer), joint ?? average),
    mean: (scorer) => withTrained(scorer, places(scorer), average),
    none: ({ base }) => base,
  };
  const shared: SharedScore[] = [];
  const cross: CrossScore[] = [];
  for (const [i, scorer] of scorers.entries()) {
    for (const variant of variants)
      shared.push({
        task: scorer.run.task,
        variant,
        ...(await score(scorer, values[variant](scorer, elementAt(trained, i)))),
      });
    for (const [j, other] of scorers.entries()) {
      const own = present(shared.find(({ task, variant }) => task === scorer.run.task && variant === 'own'));
      const result =
        i === j
          ? { score: own.score, loss: own.loss }
          : await score(scorer, withTrained(scorer, places(scorer), elementAt(trained, j)));
      cross.push({ from: other.run.task, on: scorer.run.task, ...result });
    }
  }
  const { ranks, rankScores } = await lowRank(scorers, trained, places, score);
  const size = average.length;
  const separate = scorers.reduce(
    (sum, scorer) => sum + numbersOfLayers(scorer.parameters, scorer.run.adapter.config.layers),
    0,
  );
  const scales = isScale.reduce((sum, value) => sum + value, 0);
  return {
    scorers,
    shared,
    cross,
    ranks,
    rankScores,
    variants,
    numbers: { own: separate, scale: separate - (tasks - 1) * scales, joint: size, mean: size, none: 0 },
  };
}

/** 1 where a number trained in stage two is of a parameter that `which` names. */
function maskOf(parameters: readonly LayerParameter[], which: (parameter: LayerParameter) => boolean): Uint8Array {
  const kept = parameters.filter(({ group }) => group === 'adapter' || group === 'norm');
  const places = layout(kept);
  const mask = new Uint8Array(places.size);
  for (const parameter of kept)
    if (which(parameter))
      mask.fill(1, places.offset(parameter.name), places.offset(parameter.name) + places.sizeOf(parameter.name));
  return mask;
}

const indicesOf = (mask: Uint8Array): Int32Array =>
  Int32Array.from(Array.from(mask).flatMap((set, i) => (set === 1 ? [i] : [])));

async function lowRank(
  scorers: readonly Scorer[],
  trained: readonly Float32Array[],
  places: (scorer: Scorer) => Layout,
  score: (scorer: Scorer, values: Float32Array) => Promise<LayerScore>,
): Promise<Pick<SharingAnalysis, 'ranks' | 'rankScores'>> {
  const first = elementAt(scorers, 0);
  const base = trainedOf(places(first), first.base);
  // The basis is of what training changed: an adapter that is not there is 0.
  const changes = trained.map((values) => values.map((value, i) => value - elementAt(base, i)));
  const layers = [...new Set(first.parameters.flatMap(({ layers: own }) => own.slice(0, 1)))].toSorted((a, b) => a - b);
  const parts: Record<RankScore['kind'], Int32Array[]> = {
    whole: [Int32Array.from(base, (_, i) => i)],
    'by layer': layers.map((layer) => indicesOf(maskOf(first.parameters, ({ layers: own }) => own[0] === layer))),
  };
  const ranks: RankSummary[] = [];
  const rankScores: RankScore[] = [];
  for (const kind of ['whole', 'by layer'] as const) {
    const bases = parts[kind].map((indices) => ({
      indices,
      basis: basisOf(changes.map((change) => Float32Array.from(indices, (i) => elementAt(change, i)))),
    }));
    const lengths = bases.map(({ basis }) => basis.singular.reduce((sum, value) => sum + value * value, 0));
    const all = lengths.reduce((sum, value) => sum + value, 0);
    for (let rank = 1; rank <= scorers.length; rank++) {
      const held =
        all === 0
          ? 1
          : bases.reduce((sum, { basis }, i) => sum + heldBy(basis.singular, rank) * elementAt(lengths, i), 0) / all;
      ranks.push({
        kind,
        rank,
        held,
        numbers: numbersOfBasis({ tasks: scorers.length, rank, numbers: base.length, parts: bases.length }),
      });
      // As many vectors as tasks: that is every adapter itself.
      if (rank === scorers.length) continue;
      const rebuilt = bases.map(({ basis }) => basis.rebuilt(rank));
      for (const [task, scorer] of scorers.entries()) {
        const values = base.slice();
        for (const [part, { indices }] of bases.entries()) {
          const change = elementAt(elementAt(rebuilt, part), task);
          indices.forEach((i, at) => (values[i] = elementAt(base, i) + elementAt(change, at)));
        }
        rankScores.push({
          kind,
          rank,
          task: scorer.run.task,
          ...(await score(scorer, withTrained(scorer, places(scorer), values))),
        });
      }
    }
  }
  return { ranks, rankScores };
}
