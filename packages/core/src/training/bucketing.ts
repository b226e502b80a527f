import { ConfigError } from '../errors.js';
import { permutation, type Stream } from '../math/random.js';
import { elementAt } from '../values.js';

/** Batches that are sorted by length together; more means less padding and less randomness in who meets whom. */
const BATCHES_PER_BUCKET = 16;

/**
 * The batches of one epoch: rows shuffled, cut into buckets of 16 batches, sorted by length inside a bucket so that a
 * batch needs little padding, and the batches shuffled again. Every row comes exactly once; the last rows may form
 * smaller batches. Same arguments, same batches.
 *
 * @param lengths tokens per row.
 * @param streams what tells this epoch from others: stage and epoch.
 * @throws ConfigError BATCH_SIZE, SEED.
 */
export function epochBatches(
  lengths: Int32Array,
  batchSize: number,
  seed: number,
  streams: readonly Stream[] = [],
): Int32Array[] {
  checkBatchSize(batchSize);
  const order = permutation(lengths.length, seed, ...streams, 'rows');
  const batches: Int32Array[] = [];
  const bucketSize = batchSize * BATCHES_PER_BUCKET;
  for (let start = 0; start < order.length; start += bucketSize) {
    // The sort is stable, so rows of one length keep their shuffled order.
    const bucket = order.slice(start, start + bucketSize).sort((a, b) => elementAt(lengths, a) - elementAt(lengths, b));
    batches.push(...cut(bucket, batchSize));
  }
  return Array.from(permutation(batches.length, seed, ...streams, 'batches'), (index) => elementAt(batches, index));
}

/**
 * Batches for evaluation: rows sorted by length, then by number. Results have to be scattered back by row.
 *
 * @throws ConfigError BATCH_SIZE.
 */
export function sequentialBatches(lengths: Int32Array, batchSize: number): Int32Array[] {
  checkBatchSize(batchSize);
  const order = Int32Array.from({ length: lengths.length }, (_, row) => row).sort(
    (a, b) => elementAt(lengths, a) - elementAt(lengths, b) || a - b,
  );
  return cut(order, batchSize);
}

function cut(rows: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
}

function checkBatchSize(batchSize: number): void {
  if (Number.isInteger(batchSize) && batchSize >= 1) return;
  throw new ConfigError('The batch size is out of range', {
    code: 'BATCH_SIZE',
    found: String(batchSize),
    expected: 'an integer of at least 1',
  });
}
