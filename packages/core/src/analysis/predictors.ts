import { mean } from 'simple-statistics';
import type { LayerParameter, SiteVectors } from './layers.js';
import { layout } from '../model/layout.js';
import { elementAt } from '../values.js';

/** Mean distance of the numbers from one: mean |w − 1| of scales, mean |b| of shifts (from 0). No numbers give 0. */
export function meanDistance(values: ArrayLike<number>, from: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(elementAt(values, i) - from);
  return values.length === 0 ? 0 : sum / values.length;
}

/** How far the adapter of a layer is from one that changes nothing. */
export interface Magnitude {
  readonly layer: number;
  /** Mean |w − 1|. */
  readonly scale: number;
  /** Mean |b|, in the unit of the attention outputs. */
  readonly shift: number;
}

/** One for each layer, ascending; a layer with a cross-attention too has the mean over both. */
export function magnitudes(sites: readonly SiteVectors[]): Magnitude[] {
  const layers = [...new Set(sites.map(({ layer }) => layer))].toSorted((a, b) => a - b);
  return layers.map((layer) => {
    const own = sites.filter((site) => site.layer === layer);
    return {
      layer,
      scale: mean(own.map(({ w }) => meanDistance(w, 1))),
      shift: mean(own.map(({ b }) => meanDistance(b, 0))),
    };
  });
}

/**
 * Euclidean norm of the gradient of each layer's adapter, by layer.
 *
 * Taken where stage two begins (w = 1, b = 0, the classifier of stage one), it tells how hard the task pulls at a
 * layer, and costs one pass instead of a training run. At the trained adapter it would tell nothing: training ends
 * where gradients are near 0 everywhere.
 *
 * @param gradients of the parameters of group `adapter`, flat.
 */
export function gradientNorms(parameters: readonly LayerParameter[], gradients: Float32Array): Map<number, number> {
  const adapters = parameters.filter(({ group }) => group === 'adapter');
  const places = layout(adapters);
  const squares = new Map<number, number>();
  for (const { name, layers } of adapters) {
    const sum = places.slice(gradients, name).reduce((total, value) => total + value * value, 0);
    for (const layer of layers) squares.set(layer, (squares.get(layer) ?? 0) + sum);
  }
  return new Map([...squares].map(([layer, sum]) => [layer, Math.sqrt(sum)]));
}
