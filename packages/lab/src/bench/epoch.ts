import { epochBatches } from '@hadamard-adapter/core';
import { median } from 'simple-statistics';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import * as v from 'valibot';
import { BENCH_MODELS, prepare, settle, startContestants } from './bench.js';
import { timingSchema, type BenchBatches } from './peer.js';

/** Token ids of each example of a table, as long as they are. */
export type TokenRows = readonly (readonly number[])[];

export interface EpochOptions {
  /** A key of `BENCH_MODELS`. */
  readonly model: string;
  readonly rows: TokenRows;
  readonly batchSize: number;
  readonly threads: number;
  /** A Python with torch, or undefined to measure alone. */
  readonly python?: string;
  readonly onProgress?: (text: string) => void;
}

/** One epoch of stage two over real lengths. */
export interface EpochRow {
  readonly model: string;
  readonly runtime: string;
  readonly examples: number;
  readonly seconds: number;
  /** Positions that were computed for nothing, of all. */
  readonly padding: number;
}

/** An epoch is run in this many parts, taking turns. */
const TURNS = 10;
/** Batches that warm up each side, from all lengths. */
const WARM_UP = 8;

const lengthsOf = (rows: TokenRows): Int32Array => Int32Array.from(rows, (row) => row.length);

/**
 * One epoch, ours in batches of similar length as `train` makes them, PyTorch in shuffled batches, each padded to its
 * longest row. Every row once on either side; the parts of the epoch take turns, so that both see the same weather on
 * the machine.
 */
export async function runEpochBench({
  model,
  rows,
  batchSize,
  threads,
  python,
  onProgress,
}: EpochOptions): Promise<EpochRow[]> {
  const lengths = lengthsOf(rows);
  const { batch: _, ...sizes } = present(BENCH_MODELS[model]);
  const contestants = startContestants(python);
  // Rows of one length are not sorted: what is left is a plain shuffle.
  const plans = contestants.map((contestant, i) => ({
    contestant,
    seconds: 0,
    batches: epochBatches(i === 0 ? lengths : new Int32Array(lengths.length), batchSize, 0, ['bench']),
  }));
  const asWork = (batches: readonly Int32Array[]): { batches: BenchBatches } => ({
    batches: { rows: batches.map((batch) => Array.from(batch, (row) => elementAt(rows, row))) },
  });
  try {
    for (const { contestant, batches } of plans) {
      await prepare(contestant, { ...sizes, threads });
      const every = Math.max(1, Math.floor(batches.length / WARM_UP));
      await contestant.process.ask(asWork(batches.filter((__, i) => i % every === 0)));
    }
    for (let turn = 0; turn < TURNS; turn++) {
      onProgress?.(`${model} part ${turn + 1}/${TURNS}`);
      for (const plan of plans) {
        const part = plan.batches.slice(
          Math.floor((turn * plan.batches.length) / TURNS),
          Math.floor(((turn + 1) * plan.batches.length) / TURNS),
        );
        if (part.length === 0) continue;
        await settle();
        plan.seconds +=
          (v.parse(timingSchema, await plan.contestant.process.ask(asWork(part))).ms * part.length) / 1000;
      }
    }
    return plans.map(({ contestant, seconds, batches }) => ({
      model,
      runtime: contestant.runtime,
      examples: rows.length,
      seconds,
      padding: paddingOf(batches, lengths),
    }));
  } finally {
    for (const { process: child } of contestants) child.stop();
  }
}

function paddingOf(batches: readonly Int32Array[], lengths: Int32Array): number {
  const [tokens, computed] = [
    lengths.reduce((a, b) => a + b, 0),
    batches.reduce(
      (sum, rows) => sum + rows.length * rows.reduce((most, row) => Math.max(most, elementAt(lengths, row)), 0),
      0,
    ),
  ];
  return 1 - tokens / Math.max(1, computed);
}

export interface CacheOptions extends Omit<EpochOptions, 'python'> {
  readonly epochs: number;
  readonly maxBytes: number;
}

/** Epochs of stage two with adapters in the upper half of the layers. */
export interface CacheRow {
  readonly model: string;
  readonly examples: number;
  readonly layers: readonly number[];
  /** Examples of which activations were kept. */
  readonly kept: number;
  /** An epoch that keeps nothing, median. */
  readonly withoutSeconds: number;
  /** The first epoch, with computing what is kept. */
  readonly firstSeconds: number;
  /** A later epoch, median. */
  readonly laterSeconds: number;
  /** Of the multiplications with weights in the first epoch, those that a later one cannot do without. */
  readonly bound: number;
}

const cacheSchema = v.object({ seconds: v.array(v.number()), kept: v.number() });

/**
 * Adapters in the upper half of the layers: the first epoch, which computes and keeps what lies below, against later
 * ones, and against epochs that keep nothing.
 */
export async function runCacheBench({
  model,
  rows,
  batchSize,
  threads,
  epochs,
  maxBytes,
  onProgress,
}: CacheOptions): Promise<CacheRow> {
  const { batch: _, ...sizes } = present(BENCH_MODELS[model]);
  const adapted = Array.from({ length: sizes.layers }, (__, layer) => layer).slice(Math.ceil(sizes.layers / 2));
  const [ours] = startContestants(undefined);
  if (ours === undefined) throw new Error('unreachable: there is always one contestant');
  try {
    await prepare(ours, { ...sizes, threads, adapted });
    const run = async (budget: number): Promise<{ seconds: number[]; kept: number }> => {
      onProgress?.(`${model} ${budget === 0 ? 'keeping nothing' : 'keeping activations'}`);
      return v.parse(cacheSchema, await ours.process.ask({ cache: { rows, batchSize, epochs, maxBytes: budget } }));
    };
    const without = await run(0);
    const { seconds, kept } = await run(maxBytes);
    const [firstSeconds = 0, ...later] = seconds;
    return {
      model,
      examples: rows.length,
      layers: adapted,
      kept,
      withoutSeconds: median(without.seconds),
      firstSeconds,
      laterSeconds: median(later),
      bound: cacheBound(sizes),
    };
  } finally {
    ours.process.stop();
  }
}

/**
 * Multiplications with weights per token, forward and backward, attention itself not counted: a layer has Q, K, V, O of
 * hidden² and a feed-forward of 2·hidden·wide. Kept are context and input of the lowest layer with an adapter, so of
 * that layer O and feed-forward remain; of the last layer, read at one position, keys and values.
 */
function cacheBound({
  layers,
  hidden,
  intermediate,
}: {
  layers: number;
  hidden: number;
  intermediate: number;
}): number {
  const [square, wide] = [hidden * hidden, 2 * hidden * intermediate];
  const layer = 4 * square + wide;
  const lowest = Math.ceil(layers / 2);
  if (lowest === layers - 1) return 0;
  const below = lowest * layer + 3 * square;
  const above = 2 * (square + wide + (layers - 2 - lowest) * layer + 2 * square);
  return above / (below + above);
}
