import { normal, type Files } from '@hadamard-adapter/core';
import { elementAt, keysOf, present } from '@hadamard-adapter/core/internal';
import { concatChunks } from '@hadamard-adapter/graph/internal';
import { createServer, loadModel, saveAdapter } from '@hadamard-adapter/onnxruntime';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { median } from 'simple-statistics';
import { BENCH_MODELS, settle } from './bench.js';
import { benchBatch, benchEncoder } from './encoder.js';

export interface ServingOptions {
  readonly model: string;
  readonly batch: number;
  readonly sequence: number;
  readonly threads: number;
  readonly rounds: number;
  /** Adapters in the mixed batch; at most one per row. */
  readonly adapters: number;
  readonly onProgress?: (text: string) => void;
}

/** Median milliseconds per batch. */
export interface ServingRow {
  readonly model: string;
  readonly batch: number;
  readonly sequence: number;
  readonly adapters: number;
  /** The base with the same classifier and no adapter. */
  readonly baseMs: number;
  /** One adapter active. */
  readonly oneMs: number;
  /** A different adapter in every row. */
  readonly mixedMs: number;
  /**
   * A plain file whose adapter changes nothing, and one with an adapter folded in: the same graph with other numbers.
   */
  readonly plainMs: number;
  readonly foldedMs: number;
  /** `setAdapter`. */
  readonly switchMs: number;
  /**
   * By the clock, and by the processor time that the process used: on a machine that others use as well, the clock
   * tells more of them than of us.
   */
  readonly ratios: Ratios;
  readonly processorRatios: Ratios;
}

/** Medians of the ratios within each round, in which both met the same machine. */
export interface Ratios {
  readonly oneToBase: number;
  readonly mixedToBase: number;
  readonly foldedToPlain: number;
}

/** Milliseconds by the clock, and of processor time over all threads. */
interface Cost {
  readonly clock: number;
  readonly processor: number;
}

/** Serve random adapters on a random base, the ways of doing so taking turns. */
export async function runServingBench({
  model,
  batch: size,
  sequence,
  threads,
  rounds,
  adapters,
  onProgress,
}: ServingOptions): Promise<ServingRow> {
  const { batch: _, ...sizes } = present(BENCH_MODELS[model]);
  const graph = benchEncoder(sizes);
  const batch = benchBatch({ batch: size, sequence });
  onProgress?.(`${model}: ${adapters} adapters`);
  const trained = await makeAdapters(graph, Math.min(adapters, size), threads);
  const base = await loadModel({ graph }, { numLabels: 2, site: 'none', norm: 'none', threads });
  const server = await createServer({ graph }, { threads, maxBytes: 2 ** 30 });
  for (const [i, files] of trained.files.entries()) await server.addAdapter(String(i), files);
  await server.setAdapter('0');
  const names = Array.from({ length: size }, (__, row) => String(row % trained.files.length));
  const [plain, folded] = [await plainSession(trained.plain, threads), await plainSession(trained.folded, threads)];
  const tokens = (name: string): Tensor =>
    new Tensor(
      'int64',
      BigInt64Array.from(
        name === 'attention_mask'
          ? batch.attentionMask
          : name === 'input_ids'
            ? batch.inputIds
            : new Int32Array(size * sequence),
        BigInt,
      ),
      [size, sequence],
    );
  const run = (session: InferenceSession): Promise<unknown> =>
    session.run(Object.fromEntries(session.inputNames.map((name) => [name, tokens(name)])), ['logits']);
  const ways = {
    base: () => base.predict(batch),
    one: () => server.predict(batch),
    mixed: () => server.predict(batch, { adapterNames: names }),
    plain: () => run(plain),
    folded: () => run(folded),
  };
  const costs: Record<keyof typeof ways, Cost[]> = { base: [], one: [], mixed: [], plain: [], folded: [] };
  const switches: Cost[] = [];
  for (let round = -1; round < rounds; round++) {
    onProgress?.(`${model}: round ${round + 1} of ${rounds}`);
    // Every other round the other way about: whoever comes second finds a warmer machine.
    const order = keysOf(ways);
    for (const way of round % 2 === 0 ? order : order.toReversed()) {
      const work = ways[way];
      await settle();
      // Once to wake everything up.
      await work();
      const cost = await timed(work);
      if (round >= 0) costs[way].push(cost);
    }
    switches.push(await timed(() => server.setAdapter(String((round + 1) % trained.files.length))));
  }
  await Promise.all([base.dispose(), server.dispose(), plain.release(), folded.release()]);
  const ms = (way: keyof typeof ways): number => median(costs[way].map(({ clock }) => clock));
  const ratio = (by: keyof Cost, way: keyof typeof ways, to: keyof typeof ways): number =>
    median(costs[way].map((cost, round) => cost[by] / elementAt(costs[to], round)[by]));
  const ratios = (by: keyof Cost): Ratios => ({
    oneToBase: ratio(by, 'one', 'base'),
    mixedToBase: ratio(by, 'mixed', 'base'),
    foldedToPlain: ratio(by, 'folded', 'plain'),
  });
  return {
    model,
    batch: size,
    sequence,
    adapters: trained.files.length,
    baseMs: ms('base'),
    oneMs: ms('one'),
    mixedMs: ms('mixed'),
    plainMs: ms('plain'),
    foldedMs: ms('folded'),
    switchMs: median(switches.map(({ clock }) => clock)),
    ratios: ratios('clock'),
    processorRatios: ratios('processor'),
  };
}

/** Adapter folders with random values, and plain files without and with the first of them. */
async function makeAdapters(
  graph: ReturnType<typeof benchEncoder>,
  count: number,
  threads: number,
): Promise<{ files: Files[]; plain: Uint8Array; folded: Uint8Array }> {
  const session = await loadModel({ graph }, { numLabels: 2, threads });
  const initial = await session.read();
  const plain = concatChunks(await session.fold());
  const files: Files[] = [];
  let folded = plain;
  for (let i = 0; i < count; i++) {
    const noise = normal(initial.length, 0.02, i, 'bench');
    await session.write(initial.map((value, j) => value + elementAt(noise, j)));
    files.push(await saveAdapter(session, { baseModel: 'bench', labels: [] }));
    if (i === 0) folded = concatChunks(await session.fold());
  }
  await session.dispose();
  return { files, plain, folded };
}

const plainSession = (model: Uint8Array, threads: number): Promise<InferenceSession> =>
  InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 4,
  });

async function timed(work: () => Promise<unknown>): Promise<Cost> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: performance.now() - started, processor: (user + system) / 1000 };
}
