import type { Curve } from './curve.js';

/** A loss curve as numbers of a picture; what draws it has no more to compute. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  /** Of the plot inside the picture. */
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  /** Where each stage begins and ends. */
  readonly stages: readonly { readonly from: number; readonly to: number }[];
  /** Training loss, a path for each stage. */
  readonly training: readonly string[];
  /** Loss on the held-out examples after each epoch, a path for each stage, and its points. */
  readonly heldOut: readonly string[];
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** More points than this of a stage are averaged in groups: nobody sees more. */
const MOST_POINTS = 400;

const MARGIN = { left: 40, right: 8, top: 24, bottom: 28 };

export function chartOf({ planned, losses, epochs }: Curve, width: number, height: number): Chart {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const total = Math.max(
    1,
    planned.reduce((sum, steps) => sum + steps, 0),
  );
  const starts = planned.map((_, stage) => planned.slice(0, stage).reduce((sum, steps) => sum + steps, 0));
  const most = Math.max(
    0.1,
    ...losses.flatMap((stage) => thinned(stage).map(([, loss]) => loss)),
    ...epochs.map(({ heldOutLoss }) => heldOutLoss),
  );
  const yTicks = ticks(most, 4);
  const highest = yTicks.at(-1) ?? most;
  const x = (step: number): number => left + ((right - left) * step) / total;
  const y = (loss: number): number => bottom - ((bottom - top) * loss) / highest;
  const path = (points: readonly (readonly [number, number])[]): string =>
    points.map(([step, loss], i) => `${i === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join('');
  const heldOut = planned.map((_, stage) =>
    epochs
      .filter((each) => each.stage === stage)
      .map(({ step, heldOutLoss }) => [(starts[stage] ?? 0) + step, heldOutLoss] as const),
  );
  return {
    width,
    height,
    left,
    right,
    top,
    bottom,
    xTicks: ticks(total, width < 500 ? 3 : 6)
      .filter((step) => step <= total)
      .map((step) => ({ at: x(step), label: step.toLocaleString('en') })),
    yTicks: yTicks.map((loss) => ({ at: y(loss), label: String(Number(loss.toPrecision(3))) })),
    stages: planned.map((steps, stage) => ({ from: x(starts[stage] ?? 0), to: x((starts[stage] ?? 0) + steps) })),
    training: losses.map((stage, i) =>
      path(thinned(stage).map(([step, loss]) => [(starts[i] ?? 0) + step, loss] as const)),
    ),
    heldOut: heldOut.map(path),
    points: heldOut.flat().map(([step, loss]) => ({ x: x(step), y: y(loss) })),
  };
}

/** Steps from 1, with their loss. */
function thinned(losses: readonly number[]): (readonly [number, number])[] {
  const group = Math.ceil(losses.length / MOST_POINTS);
  if (group <= 1) return losses.map((loss, i) => [i + 1, loss] as const);
  return Array.from({ length: Math.ceil(losses.length / group) }, (_, i) => {
    const part = losses.slice(i * group, (i + 1) * group);
    return [i * group + (part.length + 1) / 2, part.reduce((sum, loss) => sum + loss, 0) / part.length] as const;
  });
}

/** From 0 in round steps until `most` is covered. */
export function ticks(most: number, count: number): number[] {
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}
