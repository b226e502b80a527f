import {
  eliminate,
  gradientNorms,
  leaveOneOut,
  magnitudes,
  numbersOfLayers,
  rankAgreement,
  removeInOrder,
  smallestWithin,
  type Agreement,
  type CurvePoint,
  type LayerScore,
  type LeftOut,
  type Magnitude,
} from '@hadamard-adapter/core/analysis';
import type { Run } from './runs.js';
import type { Scorer } from './scorer.js';

/** What is known of a layer without scoring anything, and the gradient, which costs one pass. */
export interface LayerSigns extends Magnitude {
  /** Norm of the gradient of the layer's adapter on the model that stage two begins with. */
  readonly gradient?: number;
}

/** In what order layers are taken away: by elimination, or least first by a predictor, or from the input on. */
export const ORDERS = ['elimination', 'scale', 'shift', 'gradient', 'lowest'] as const;

export type Order = (typeof ORDERS)[number];

export const PREDICTORS = ['scale', 'shift', 'gradient'] as const;

export type Predictor = (typeof PREDICTORS)[number];

/** How well a predictor ranks the layers of a run. */
export interface PredictorAgreement {
  readonly predictor: Predictor;
  /** With the score that is lost without the layer. */
  readonly score: Agreement;
  /** With how much the loss rises, which is finer than the score. */
  readonly loss: Agreement;
}

/** Which layers of one adapter can go. */
export interface LayerAnalysis {
  readonly run: Run;
  /** Rows that it was scored on. */
  readonly rows: number;
  readonly metric: string;
  readonly full: LayerScore;
  /** The classifier alone, without adapter and norms. */
  readonly bare: LayerScore;
  readonly leftOut: readonly LeftOut[];
  readonly signs: readonly LayerSigns[];
  readonly agreement: readonly PredictorAgreement[];
  readonly curves: readonly { readonly order: Order; readonly points: readonly CurvePoint[] }[];
  /** The fewest layers of the elimination that lose no more than the budget. */
  readonly smallest: CurvePoint;
  /** Numbers trained for the adapters of some layers and their norms. */
  numbers(kept: readonly number[]): number;
}

/** |w − 1| and |b| of each layer. */
export const signsOf = ({ sites }: Pick<Run, 'sites'>): LayerSigns[] => magnitudes(sites);

/** The layers in the order in which a predictor would take them away. */
export function orderBy(signs: readonly LayerSigns[], of: (signs: LayerSigns) => number): number[] {
  return signs.toSorted((a, b) => of(a) - of(b) || a.layer - b.layer).map(({ layer }) => layer);
}

/**
 * Leave-one-out, greedy elimination, the predictors and the curves of their orders: for n layers n · (n + 1) / 2 + 1
 * evaluations, and at most n − 2 more for each other order.
 *
 * @param budget loss of score that is accepted, in the unit of the score.
 * @param onScored called after each evaluation with how many are done.
 */
export async function analyzeLayers(
  scorer: Scorer,
  budget: number,
  onScored: (done: number) => void = () => {},
): Promise<LayerAnalysis> {
  const { run, split, metric, parameters, base } = scorer;
  const { layers } = run.adapter.config;
  const asked = new Set<string>();
  const score: typeof scorer.scoreLayers = async (kept) => {
    const result = await scorer.scoreLayers(kept);
    onScored(asked.add(kept.toSorted((a, b) => a - b).join()).size);
    return result;
  };
  const norms = gradientNorms(parameters, await scorer.gradients(base));
  const signs = signsOf(run).map((each): LayerSigns => ({ ...each, gradient: norms.get(each.layer) ?? 0 }));
  const leftOut = await leaveOneOut(layers, score);
  const elimination = await eliminate(layers, score);
  const orders: [Order, readonly number[]][] = [
    ...PREDICTORS.map((name): [Order, number[]] => [name, orderBy(signs, (each) => each[name] ?? 0)]),
    ['lowest', layers],
  ];
  const curves: { order: Order; points: CurvePoint[] }[] = [{ order: 'elimination', points: elimination }];
  for (const [order, sequence] of orders) curves.push({ order, points: await removeInOrder(sequence, score) });
  return {
    run,
    rows: split.size,
    metric: metric.main,
    full: await score(layers),
    bare: await score([]),
    leftOut,
    signs,
    agreement: PREDICTORS.map((predictor) => {
      const predicted = signs.map((each) => each[predictor] ?? 0);
      return {
        predictor,
        score: rankAgreement(
          predicted,
          leftOut.map(({ lost }) => lost),
        ),
        loss: rankAgreement(
          predicted,
          leftOut.map(({ lossRise }) => lossRise),
        ),
      };
    }),
    curves,
    smallest: smallestWithin(elimination, budget),
    numbers: (kept) => numbersOfLayers(parameters, kept),
  };
}

/** Evaluations of `analyzeLayers` at most. */
export const mostEvaluations = (layers: number): number =>
  (layers * (layers + 1)) / 2 + 1 + (ORDERS.length - 1) * Math.max(0, layers - 2);
