import { hasKey } from '@hadamard-adapter/core/internal';
import { InvalidArgumentError } from 'commander';
import { METHODS, planOf, settingsOf, type Method, type MethodSettings } from '../methods.js';
import { layerList } from '@hadamard-adapter/cli/internal';

/** One point of a grid: what it sets, and what of that differs from its neighbours. */
export interface Variant {
  readonly settings: MethodSettings;
  /** The settings that the grid goes over; empty when there is no grid. */
  readonly shown: Readonly<Record<string, unknown>>;
}

const BUT_CLASSIFIER = METHODS.filter((method) => method !== 'classifier');

/** Settings that only some methods have. Given for another they would change nothing, and be taken for a difference. */
const BELONGS: Readonly<Partial<Record<keyof MethodSettings, readonly Method[]>>> = {
  site: ['hadamard'],
  norm: ['hadamard'],
  parts: ['hadamard'],
  rank: ['lora'],
  alpha: ['lora'],
  stages: BUT_CLASSIFIER,
  freezeClassifier: BUT_CLASSIFIER,
  epochs: BUT_CLASSIFIER,
  lr: BUT_CLASSIFIER,
};

/** Of the first of two stages. */
const FIRST_STAGE: ReadonlySet<string> = new Set(['classifierEpochs', 'classifierLr', 'freezeClassifier']);

export const belongs = (setting: string, method: Method): boolean => methodsWith(setting).includes(method);

export const methodsWith = (setting: string): readonly Method[] =>
  (hasKey(BELONGS, setting) ? BELONGS[setting] : undefined) ?? METHODS;

/** The settings that a run depends on; the others may change their defaults without making it another run. */
export function effective(settings: MethodSettings): Partial<MethodSettings> {
  const oneStage = settings.method !== 'classifier' && settings.stages === 1;
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => belongs(name, settings.method) && !(oneStage && FIRST_STAGE.has(name))),
  );
}

/**
 * All combinations of the values of settings that are lists, the last of them changing fastest.
 *
 * @param given values of `MethodSettings`, each one value or a list of them; `layers` as `layerSets` reads them.
 * @throws ConfigError PLAN.
 */
export function expandGrid(method: Method, given: Readonly<Record<string, unknown>>): Variant[] {
  const axes = axesOf(given);
  let points: Record<string, unknown>[] = [{}];
  for (const [name, values] of axes)
    points = points.flatMap((point) => values.map((value) => ({ ...point, [name]: value })));
  const varied = axes.filter(([, values]) => values.length > 1).map(([name]) => name);
  return points.map((point) => {
    // All layers: as if nothing had been said.
    // The values were checked when the sweep was read: each is one of its setting.
    const set = Object.fromEntries(
      Object.entries(point).filter(([, value]) => value !== undefined),
    ) as Partial<MethodSettings>;
    const settings = settingsOf({ ...set, method });
    planOf(settings, 0);
    return { settings, shown: Object.fromEntries(varied.map((name) => [name, point[name] ?? 'all'])) };
  });
}

function axesOf(given: Readonly<Record<string, unknown>>): (readonly [string, readonly unknown[]])[] {
  const settings = Object.entries(given).filter(([name]) => name !== 'method');
  return settings.map(([name, value]) => [
    name,
    name === 'layers' ? layerSets(value) : isList(value) ? value : [value],
  ]);
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** How many points a grid has. */
export const gridSize = (given: Readonly<Record<string, unknown>>): number =>
  axesOf(given).reduce((size, [, values]) => size * values.length, 1);

/**
 * The layers to train: `[4, 5]` or `'4-5'` is one set of layers, `[[4, 5], [6, 7]]` and `['4-5', '6-7', 'all']` are
 * several to compare. Undefined: all layers.
 *
 * @throws what `layerList` throws.
 */
export function layerSets(value: unknown): (readonly number[] | undefined)[] {
  const several = isList(value) && value.some((item) => typeof item !== 'number') ? value : [value];
  return several.map((set) => {
    if (set === 'all') return undefined;
    if (typeof set === 'string' || typeof set === 'number') return layerList(String(set));
    return [...new Set([set].flat().map(Number))].toSorted((a, b) => a - b);
  });
}

/** Whether a text names layers as `layerSets` reads them. */
export function namesLayers(text: string): boolean {
  try {
    return text === 'all' || layerList(text).length > 0;
  } catch (error) {
    if (error instanceof InvalidArgumentError) return false;
    throw error;
  }
}
