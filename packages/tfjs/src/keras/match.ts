import { ConfigError } from '@hadamard-adapter/core';
import type { Layer } from './keras-tf.js';

/**
 * Which layers: the name, a pattern that the name contains, several of them, or a question that is asked about every
 * layer.
 */
export type LayerMatch = string | RegExp | readonly (string | RegExp)[] | ((layer: Layer) => boolean);

/**
 * The layers that match, in the order of `layers`.
 *
 * @param what what the layers are wanted as, for the message.
 * @throws ConfigError LAYER_UNKNOWN where a name, pattern or question fits no layer; lists the layers there are.
 */
export function selectLayers(layers: readonly Layer[], match: LayerMatch, what: string): Layer[] {
  // Input layers hold no numbers that could be scaled or trained.
  const candidates = layers.filter((layer) => layer.getClassName() !== 'InputLayer');
  const questions = typeof match === 'function' ? [match] : [match].flat();
  const chosen = new Set<Layer>();
  for (const question of questions) {
    const found = candidates.filter(asQuestion(question));
    if (found.length === 0) {
      throw new ConfigError(`No layer to be ${what}`, {
        code: 'LAYER_UNKNOWN',
        found: `the layers ${candidates.map(({ name }) => name).join(', ')}`,
        expected:
          typeof question === 'function'
            ? 'one for which the function returns true'
            : `one that fits ${typeof question === 'string' ? `"${question}"` : String(question)}`,
      });
    }
    for (const layer of found) chosen.add(layer);
  }
  return candidates.filter((layer) => chosen.has(layer));
}

function asQuestion(question: string | RegExp | ((layer: Layer) => boolean)): (layer: Layer) => boolean {
  if (typeof question === 'function') return question;
  if (typeof question === 'string') return ({ name }) => name === question;
  // Unlike `test`, `search` does not go on from where the last call ended.
  return ({ name }) => name.search(question) >= 0;
}
