/** How good a model is with the adapters of some layers. */
export interface LayerScore {
  /** Of the metric, 0 … 1 (correlations from −1 on); better when higher. */
  readonly score: number;
  /** Mean loss over the same rows. */
  readonly loss: number;
}

/**
 * Scores a model that has adapters on the layers `kept` only, ascending; none for the bare model with its classifier.
 */
export type ScoreLayers = (kept: readonly number[]) => Promise<LayerScore>;

/** The same, asking once for every set of layers. */
export function scoreOnce(score: ScoreLayers): ScoreLayers {
  const known = new Map<string, Promise<LayerScore>>();
  return (kept) => {
    const layers = kept.toSorted((a, b) => a - b);
    const key = layers.join();
    const found = known.get(key) ?? score(layers);
    known.set(key, found);
    return found;
  };
}

/** What goes with one layer. */
export interface LeftOut extends LayerScore {
  readonly layer: number;
  /** Score of all layers less the score without this one; negative when the model is better without it. */
  readonly lost: number;
  /** How much the loss rises without it. */
  readonly lossRise: number;
}

/** Leave one layer out at a time, in the order of `layers`. */
export async function leaveOneOut(layers: readonly number[], score: ScoreLayers): Promise<LeftOut[]> {
  const full = await score(layers);
  const result: LeftOut[] = [];
  for (const layer of layers) {
    const without = await score(layers.filter((each) => each !== layer));
    result.push({ layer, ...without, lost: full.score - without.score, lossRise: without.loss - full.loss });
  }
  return result;
}

/** A model with the adapters of some layers, on the way from all to none. */
export interface CurvePoint extends LayerScore {
  /** Layers that are left, ascending. */
  readonly kept: readonly number[];
  /** The layer that went last; absent at the start. */
  readonly removed?: number;
}

/**
 * Greedy backward elimination: in each round the layer goes whose removal leaves the best score. Scores of small data
 * sets are often equal, then the lower loss decides, then the lower layer.
 *
 * n layers cost n·(n + 1) / 2 evaluations, and one for all layers.
 *
 * @param least stop with so many layers left; default 0.
 * @returns n + 1 − least points, from all layers on.
 */
export async function eliminate(layers: readonly number[], score: ScoreLayers, least = 0): Promise<CurvePoint[]> {
  let kept = layers.toSorted((a, b) => a - b);
  const curve: CurvePoint[] = [{ kept, ...(await score(kept)) }];
  while (kept.length > least) {
    let best: CurvePoint | undefined;
    for (const removed of kept) {
      const rest = kept.filter((layer) => layer !== removed);
      const { score: value, loss } = await score(rest);
      if (best === undefined || value > best.score || (value === best.score && loss < best.loss))
        best = { kept: rest, removed, score: value, loss };
    }
    if (best === undefined) break;
    curve.push(best);
    kept = [...best.kept];
  }
  return curve;
}

/** The curve of removing layers in a given order, for instance that of a predictor. */
export async function removeInOrder(order: readonly number[], score: ScoreLayers): Promise<CurvePoint[]> {
  const curve: CurvePoint[] = [];
  for (let gone = 0; gone <= order.length; gone++) {
    const kept = order.slice(gone).toSorted((a, b) => a - b);
    const removed = order[gone - 1];
    curve.push({ kept, ...(removed === undefined ? {} : { removed }), ...(await score(kept)) });
  }
  return curve;
}

/** Differences of scores are rounded: 0.9 − 0.895 is a little more than 0.005. */
const ROUNDING = 1e-9;

/**
 * The point of a curve with the fewest layers, at least one, that loses no more than `budget`. A curve may rise again:
 * what lies between does not count.
 *
 * @param budget in the unit of the score, 0.005 for half a point.
 */
export function smallestWithin(curve: readonly CurvePoint[], budget: number): CurvePoint {
  const [full] = curve;
  if (full === undefined) throw new RangeError('a curve has at least one point');
  const within = curve.filter(({ kept, score }) => kept.length > 0 && full.score - score <= budget + ROUNDING);
  return within.reduce((best, point) => (point.kept.length < best.kept.length ? point : best), full);
}
