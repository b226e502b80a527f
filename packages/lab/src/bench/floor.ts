import { InferenceSession, Tensor } from 'onnxruntime-node';
import { present } from '@hadamard-adapter/core/internal';
import { concatChunks, float32Tensor, makeNode, writeModel, type Graph } from '@hadamard-adapter/graph/internal';
import { median } from 'simple-statistics';
import * as v from 'valibot';
import { BENCH_MODELS, prepare, settle, startContestants } from './bench.js';
import { randomWeights } from './encoder.js';
import { timingSchema, type BenchSizes } from './peer.js';

/** The products with weights of one training step, by themselves. */
export interface FloorRow {
  readonly model: string;
  readonly batch: number;
  /** Milliseconds that they take, one after the other, without anything between them. */
  readonly productsMs: number;
  /** Multiplications and additions per second, 10⁹. */
  readonly gigaflops: number;
  /** A whole step of ours and of the peer, where it is there. */
  readonly stepMs: number;
  readonly peerMs: number | undefined;
}

export interface FloorOptions {
  readonly models: readonly string[];
  readonly sequence: number;
  readonly threads: number;
  readonly rounds: number;
  readonly python?: string;
}

/** Products [rows, width] · [width, between] · [between, width], and how often a step needs the pair. */
interface Pair {
  readonly width: number;
  readonly between: number;
  readonly count: number;
}

/**
 * What exact float32 arithmetic cannot go below on a machine: all products with frozen weights that a step needs, timed
 * alone. Adapters in every layer on the context, the last layer read at one position; attention itself is not counted.
 */
export async function runFloorBench({ models, sequence, threads, rounds, python }: FloorOptions): Promise<FloorRow[]> {
  const results: FloorRow[] = [];
  for (const model of models) {
    const { batch, ...sizes } = present(BENCH_MODELS[model]);
    const contestants = startContestants(python);
    try {
      for (const contestant of contestants) await prepare(contestant, { ...sizes, threads });
      const products = await Promise.all(
        pairsOf(sizes).map(async (pair) => ({ ...pair, ...(await load(pair, batch * sequence, threads)) })),
      );
      const times: { readonly products: number[]; readonly steps: readonly number[][] } = {
        products: [],
        steps: contestants.map(() => []),
      };
      for (let round = 0; round <= rounds; round++) {
        await settle();
        let total = 0;
        for (const { count, run } of products) total += count * (await run());
        if (round > 0) times.products.push(total);
        for (const [i, { process: child }] of contestants.entries()) {
          await settle();
          const { ms } = v.parse(timingSchema, await child.ask({ train: { batch, sequence, steps: 2 } }));
          if (round > 0) times.steps[i]?.push(ms);
        }
      }
      const [productsMs = Number.NaN, stepMs = Number.NaN, peerMs] = [times.products, ...times.steps].map(median);
      const flops =
        products.reduce((sum, { width, between, count }) => sum + 4 * width * between * count, 0) * batch * sequence;
      results.push({
        model,
        batch,
        productsMs,
        gigaflops: flops / productsMs / 1e6,
        stepMs,
        peerMs,
      });
      for (const { release } of products) await release();
    } finally {
      for (const { process: child } of contestants) child.stop();
    }
  }
  return results;
}

/**
 * Forward: every layer but the last, of which keys and values; backward: the same without the queries, keys and values
 * of the lowest layer, whose adapter sits behind them.
 */
function pairsOf({ layers, hidden, intermediate }: BenchSizes): Pair[] {
  const full = layers - 1;
  return [
    { width: hidden, between: hidden, count: (4 * full + 2 + (4 * full - 3) + 2) / 2 },
    { width: hidden, between: intermediate, count: 2 * full },
  ];
}

/** Pairs in a chain, so that their results stay inside the runtime as they do in a step. */
const CHAIN = 6;

async function load(
  { width, between }: Pair,
  rows: number,
  threads: number,
): Promise<{ run(): Promise<number>; release(): Promise<void> }> {
  const weights = Array.from({ length: CHAIN }, (_, i) => [`up_${i}`, `down_${i}`] as const);
  const graph: Graph = {
    name: 'products',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'x_0', dtype: 'float32', dims: [rows, width] }],
    outputs: [{ name: `x_${CHAIN}`, dtype: 'float32', dims: [rows, width] }],
    nodes: weights.flatMap(([up, down], i) => [
      makeNode('Gemm', [`x_${i}`, up], [`y_${i}`]),
      makeNode('Gemm', [`y_${i}`, down], [`x_${i + 1}`]),
    ]),
    tensors: new Map(
      weights.flatMap(([up, down]) => [
        [up, float32Tensor(randomWeights(up, width * between), [width, between])] as const,
        [down, float32Tensor(randomWeights(down, width * between), [between, width])] as const,
      ]),
    ),
  };
  const session = await InferenceSession.create(concatChunks(writeModel(graph)), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableMemPattern: false,
  });
  const feeds = { x_0: new Tensor('float32', randomWeights('x', rows * width), [rows, width]) };
  return {
    /** Milliseconds for one pair. */
    async run() {
      await session.run(feeds);
      const start = performance.now();
      for (let i = 0; i < REPEATS; i++) await session.run(feeds);
      return (performance.now() - start) / REPEATS / CHAIN;
    },
    release: () => session.release(),
  };
}

const REPEATS = 3;
