import type { Batch } from '@hadamard-adapter/core';
import { tokenInput } from '@hadamard-adapter/runtime/internal';
import type { Feeds, OrtModule } from './ort.js';

/** The token inputs that `names` asks for, as int64 [batch, sequence]. */
export function tokenFeeds(Tensor: OrtModule['Tensor'], names: readonly string[], batch: Batch): Feeds {
  const feeds: Record<string, Feeds[string]> = {};
  for (const name of names) {
    const values = tokenInput(batch, name);
    if (values !== undefined) feeds[name] = new Tensor('int64', widen(values), [batch.batch, batch.sequence]);
  }
  return feeds;
}

/**
 * Int32 as int64. The low words are written through an Int32 view: ten times faster than BigInt conversion, and ids are
 * never negative.
 */
function widen(values: Int32Array): BigInt64Array {
  const wide = new BigInt64Array(values.length);
  const words = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) words[2 * i] = values[i] ?? 0;
  return wide;
}
