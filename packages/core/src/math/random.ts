import { elementAt, present } from '../values.js';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { ConfigError } from '../errors.js';

export type { RandomGenerator };

/**
 * Tells apart independent sequences made from one seed: `permutation(n, seed, 'epoch', stage, epoch)`. Numbers are
 * 32-bit integers.
 */
export type Stream = number | string;

/**
 * A generator (xoroshiro128+) that depends on nothing but its arguments. Deriving every sequence from the seed and its
 * place in the run, instead of carrying one generator along, is what lets a resumed run continue without a saved
 * generator state.
 *
 * @throws ConfigError SEED when seed or a numeric stream is not an integer.
 */
export function generator(seed: number, ...streams: readonly Stream[]): RandomGenerator {
  const words: number[] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667];
  for (const part of [seed, ...streams]) {
    const value = typeof part === 'string' ? hashText(part) : integer(part);
    for (let i = 0; i < words.length; i++) words[i] = mix(elementAt(words, i) ^ mix(value + i));
    words.push(present(words.shift()));
  }
  if (!words.some(Boolean)) words[0] = 1; // the one state xoroshiro never leaves
  return xoroshiro128plusFromState(words);
}

/**
 * The numbers 0 … size − 1 in random order (Fisher–Yates).
 *
 * @throws ConfigError SEED, PERMUTATION_SIZE.
 */
export function permutation(size: number, seed: number, ...streams: readonly Stream[]): Int32Array {
  if (!Number.isInteger(size) || size < 0 || size > 0x7fffffff) {
    throw new ConfigError('A permutation has no such size', {
      code: 'PERMUTATION_SIZE',
      found: String(size),
      expected: 'an integer from 0 to 2147483647',
    });
  }
  const random = generator(seed, ...streams);
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let last = size - 1; last > 0; last--) {
    const chosen = uniformInt(random, 0, last);
    const value = elementAt(order, last);
    order[last] = elementAt(order, chosen);
    order[chosen] = value;
  }
  return order;
}

/** `size` numbers uniform in [low, high). */
export function uniform(
  size: number,
  low: number,
  high: number,
  seed: number,
  ...streams: readonly Stream[]
): Float32Array {
  const random = generator(seed, ...streams);
  return Float32Array.from({ length: size }, () => low + (high - low) * uniformFloat64(random));
}

/** `size` normal numbers of mean 0 (Box–Muller). BERT starts its classifier with a standard deviation of 0.02. */
export function normal(
  size: number,
  standardDeviation: number,
  seed: number,
  ...streams: readonly Stream[]
): Float32Array {
  const random = generator(seed, ...streams);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += 2) {
    const radius = standardDeviation * Math.sqrt(-2 * Math.log(1 - uniformFloat64(random)));
    const angle = 2 * Math.PI * uniformFloat64(random);
    values[i] = radius * Math.cos(angle);
    if (i + 1 < size) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/**
 * A mask of `size` numbers for inverted dropout: 0 with probability `rate`, else 1 / (1 − rate).
 *
 * @throws ConfigError DROPOUT_RATE unless 0 ≤ rate < 1.
 */
export function dropoutMask(size: number, rate: number, seed: number, ...streams: readonly Stream[]): Float32Array {
  if (!(rate >= 0 && rate < 1))
    throw new ConfigError('A dropout rate is out of range', {
      code: 'DROPOUT_RATE',
      found: String(rate),
      expected: '0 ≤ rate < 1',
    });
  const random = generator(seed, ...streams);
  const kept = 1 / (1 - rate);
  return Float32Array.from({ length: size }, () => (uniformFloat64(random) < rate ? 0 : kept));
}

function integer(value: number): number {
  if (Number.isSafeInteger(value)) return value | 0;
  throw new ConfigError('A seed must be an integer', { code: 'SEED', found: String(value), expected: 'an integer' });
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The finalizer of MurmurHash3: every input bit changes about half of the output bits. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
