import type { Evaluated } from '../../shapes/fact.js';

const LEVELS = 255;
const clamp = (level: number): number => Math.min(Math.max(level, 0), LEVELS);

/** x as levels 0 to 255, with scale and zero point taken from its range, 0 included. Halves round to even. */
export function quantizeDynamically(data: Float64Array): { levels: Float64Array; scale: number; zero: number } {
  const [low, high] = data.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [0, 0],
  );
  const scale = (high - low) / LEVELS;
  const zero = scale === 0 ? 0 : clamp(roundToEven(-low / scale));
  return { levels: data.map((value) => clamp((scale === 0 ? 0 : roundToEven(value / scale)) + zero)), scale, zero };
}

function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** x less its zero point: one number, or one per column. */
export function centered(x: Evaluated, zero: Evaluated | undefined): Evaluated {
  const points = zero?.data;
  return points === undefined ? x : { ...x, data: x.data.map((value, i) => value - (points[i % points.length] ?? 0)) };
}
