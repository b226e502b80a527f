import type { Batch } from '@hadamard-adapter/core';
import { TOKEN_INPUTS } from '@hadamard-adapter/onnx';
import type { Feeds, OrtModule } from './ort.js';

const [IDS, MASK, TYPES] = TOKEN_INPUTS;

/** The token inputs that `names` asks for, as int64 [batch, sequence]. */
export function tokenFeeds(Tensor: OrtModule['Tensor'], names: readonly string[], batch: Batch): Feeds {
  const dims = [batch.batch, batch.sequence];
  const feeds: Record<string, Feeds[string]> = {};
  const zeros = (): Int32Array => new Int32Array(batch.batch * batch.sequence);
  const sources: Readonly<Record<string, () => Int32Array>> = {
    [IDS]: () => batch.inputIds,
    [MASK]: () => batch.attentionMask,
    [TYPES]: () => batch.tokenTypeIds ?? zeros(),
  };
  for (const name of names) {
    const source = sources[name];
    if (source !== undefined) feeds[name] = new Tensor('int64', widen(source()), dims);
  }
  return feeds;
}

/** Int32 as int64. The low words are written through an Int32 view: ten times faster than BigInt conversion, and ids are never negative. */
function widen(values: Int32Array): BigInt64Array {
  const wide = new BigInt64Array(values.length);
  const words = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) words[2 * i] = values[i] as number;
  return wide;
}
