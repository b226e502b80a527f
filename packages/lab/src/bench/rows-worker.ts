import { epochBatches, type Batch, type Group, type Split, type TrainableModel } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { BenchBatches, BenchCache } from './peer.js';

const GROUPS: readonly Group[] = ['adapter', 'norm'];
const SETTINGS = { groups: GROUPS, learningRate: 1e-3 };

/** Rows of token ids as a split; classes alternate. */
function splitOf(id: string, rows: readonly (readonly number[])[]): Split {
  return {
    id,
    size: rows.length,
    lengths: Int32Array.from(rows, (row) => row.length),
    batch: (picked) =>
      batchOf(
        Array.from(picked, (row) => elementAt(rows, row)),
        { split: id, rows: picked },
      ),
  };
}

function batchOf(rows: readonly (readonly number[])[], source?: Batch['source']): Batch {
  const sequence = rows.reduce((most, row) => Math.max(most, row.length), 1);
  const [inputIds, attentionMask] = [new Int32Array(rows.length * sequence), new Int32Array(rows.length * sequence)];
  for (const [i, row] of rows.entries()) {
    inputIds.set(row, i * sequence);
    attentionMask.fill(1, i * sequence, i * sequence + row.length);
  }
  return {
    batch: rows.length,
    sequence,
    inputIds,
    attentionMask,
    labels: Float32Array.from(rows, (_, i) => i % 2),
    ...(source === undefined ? {} : { source }),
  };
}

/** Milliseconds per step of training on these batches; padding them is part of it. */
export async function trainOnRows(model: TrainableModel, { rows }: BenchBatches): Promise<{ ms: number }> {
  const start = performance.now();
  for (const batch of rows) await model.step([batchOf(batch)], SETTINGS);
  return { ms: (performance.now() - start) / Math.max(1, rows.length) };
}

/** Seconds of each epoch, the first with computing what is kept, in the batches and order that `train` takes. */
export async function trainWithCache(
  model: TrainableModel,
  { rows, batchSize, epochs, maxBytes }: BenchCache,
): Promise<{ seconds: number[]; kept: number }> {
  const split = splitOf(`rows ${maxBytes}`, rows);
  const batches = (epoch: number): Int32Array[] => epochBatches(split.lengths, batchSize, 0, ['bench', epoch]);
  const train = async (epoch: number): Promise<void> => {
    for (const picked of batches(epoch)) await model.step([split.batch(picked)], SETTINGS);
  };
  // Sessions are made and warmed up on other rows, which are not kept.
  const few = splitOf('warm-up', rows.slice(0, 2 * batchSize));
  if (maxBytes > 0) await model.precompute?.(few, GROUPS, { maxBytes });
  for (let i = 0; i < 2; i++)
    await model.step(
      [few.batch(Int32Array.from({ length: Math.min(batchSize, few.size) }, (_, row) => row))],
      SETTINGS,
    );
  const seconds: number[] = [];
  let kept = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const start = performance.now();
    if (epoch === 0 && maxBytes > 0) kept = (await model.precompute?.(split, GROUPS, { maxBytes })) ?? 0;
    await train(epoch);
    seconds.push((performance.now() - start) / 1000);
  }
  return { seconds, kept };
}
