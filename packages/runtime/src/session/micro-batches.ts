import { sliceRows } from '@hadamard-adapter/core';
import type { MicroBatch, RunInputs } from '../executor/executor.js';

/**
 * `inputs` in parts of at most `rows` rows, as equal as can be and without tearing pairs apart; together they weigh
 * `weight`.
 */
export function microBatches(inputs: RunInputs, rows: number, weight = 1): MicroBatch[] {
  const { batch, targets, dropout } = inputs;
  const unit = batch.pairs === true ? 2 : 1;
  const units = batch.batch / unit;
  const parts = Math.ceil(units / Math.max(1, Math.floor(rows / unit)));
  if (parts <= 1) return [{ inputs, weight }];
  const cut = (values: Float32Array, from: number, to: number): Float32Array =>
    values.subarray((from * values.length) / batch.batch, (to * values.length) / batch.batch);
  return Array.from({ length: parts }, (_, part) => {
    const [from, to] = [unit * Math.round((part * units) / parts), unit * Math.round(((part + 1) * units) / parts)];
    return {
      inputs: {
        batch: sliceRows(batch, from, to),
        ...(targets === undefined ? {} : { targets: cut(targets, from, to) }),
        ...(dropout === undefined ? {} : { dropout: cut(dropout, from, to) }),
      },
      weight: (weight * (to - from)) / batch.batch,
    };
  });
}
