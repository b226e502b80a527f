import { fileURLToPath } from 'node:url';
import { ConfigError } from '@hadamard-adapter/core';
import { median } from 'simple-statistics';
import { present } from '@hadamard-adapter/core/internal';
import * as v from 'valibot';
import {
  startBenchProcess,
  timingSchema,
  type BenchProcess,
  type BenchRequest,
  type BenchSetup,
  type BenchSizes,
  type BenchWay,
  type BenchWork,
} from './peer.js';

/** One measured configuration of one contestant. */
export interface BenchRow {
  readonly model: string;
  readonly batch: number;
  readonly sequence: number;
  readonly runtime: string;
  readonly device: string;
  /** Median milliseconds of one training step of stage two. */
  readonly stepMs: number;
  /** Median milliseconds of one forward pass. */
  readonly inferMs: number;
  /** Peak resident memory of the process. */
  readonly peakMb: number;
}

export interface BenchOptions {
  readonly models: readonly string[];
  readonly sequence: number;
  readonly threads: number;
  readonly rounds: number;
  /** A Python with torch, or undefined to measure alone. */
  readonly python?: string;
  readonly onProgress?: (text: string) => void;
}

/**
 * A tiny BERT, MiniLM-L6 and BERT-base, with random weights; the last again with the batch at which its memory is
 * judged.
 */
export const BENCH_MODELS: Readonly<Record<string, BenchSizes & { readonly batch: number }>> = {
  'L2-H128': { layers: 2, hidden: 128, heads: 2, intermediate: 512, vocab: 30522, positions: 512, batch: 32 },
  'L6-H384': { layers: 6, hidden: 384, heads: 12, intermediate: 1536, vocab: 30522, positions: 512, batch: 16 },
  'L12-H768': { layers: 12, hidden: 768, heads: 12, intermediate: 3072, vocab: 30522, positions: 512, batch: 8 },
  'L12-H768-B16': { layers: 12, hidden: 768, heads: 12, intermediate: 3072, vocab: 30522, positions: 512, batch: 16 },
};

/** Of ours: as it comes and in integers; where memory is judged, as it comes and saving it. */
const waysOf = (model: string): BenchWay[] =>
  model === 'L12-H768-B16'
    ? [{}, { lowMemory: true }, { lowMemory: true, arithmetic: 'int8' }]
    : [{}, { arithmetic: 'int8' }];

/** @throws ConfigError BENCH_MODEL for a size that there is not. */
export function checkModels(names: readonly string[]): void {
  for (const name of names) {
    if (!Object.hasOwn(BENCH_MODELS, name))
      throw new ConfigError('There is no such size to measure', {
        code: 'BENCH_MODEL',
        found: name,
        expected: Object.keys(BENCH_MODELS).join(', '),
      });
  }
}

/** Run all models, contestants taking turns round by round, so that both see the same weather on the machine. */
export async function runBench(options: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const name of options.models) {
    const { batch, ...sizes } = present(BENCH_MODELS[name]);
    const setup = { ...sizes, threads: options.threads };
    const contestants = startContestants(options.python, waysOf(name));
    try {
      for (const contestant of contestants) await prepare(contestant, setup);
      for (let round = 0; round <= options.rounds; round++) {
        options.onProgress?.(`${name} round ${round}/${options.rounds}`);
        // The first round warms up and is thrown away.
        for (const contestant of contestants)
          await measure(contestant, { batch, sequence: options.sequence }, round > 0);
      }
      for (const contestant of contestants) rows.push(await report(contestant, name, batch, options.sequence));
    } finally {
      for (const { process: child } of contestants) child.stop();
    }
  }
  return rows;
}

/** Both sides of every benchmark: ours, once for each way to set it, and PyTorch where there is a Python for it. */
export function startContestants(python: string | undefined, ways: readonly BenchWay[] = [{}]): Contestant[] {
  const ours = ways.map((way) => {
    const name = [
      'onnxruntime',
      ...(way.arithmetic === undefined ? [] : [way.arithmetic]),
      ...(way.lowMemory === true ? ['low memory'] : []),
    ].join(', ');
    return { ...start(name, process.execPath, [fileURLToPath(new URL('./bench-worker.js', import.meta.url))]), way };
  });
  return [
    ...ours,
    ...(python === undefined
      ? []
      : [start('torch', python, [fileURLToPath(new URL('../assets/bench/torch_peer.py', import.meta.url))])]),
  ];
}

export interface Contestant {
  runtime: string;
  readonly way?: BenchWay;
  readonly process: BenchProcess;
  readonly steps: number[];
  readonly passes: number[];
}

function start(runtime: string, command: string, args: readonly string[]): Contestant {
  return { runtime, process: startBenchProcess(command, args), steps: [], passes: [] };
}

export async function prepare(contestant: Contestant, setup: BenchSetup): Promise<void> {
  const { peer } = await contestant.process.ask({ setup: { ...setup, ...contestant.way } });
  if (typeof peer === 'string') contestant.runtime = peer;
}

/** How long one measurement should take at least; short steps are repeated. */
const TURN_MS = 400;

/**
 * Worker threads wait busily for more work before they sleep (OpenMP for 200 ms): whoever comes next would share the
 * cores with them.
 */
const SETTLE_MS = 500;

/** Wait until the contestant before has fallen asleep. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

async function measure(
  { process: child, steps, passes }: Contestant,
  work: Omit<BenchWork, 'steps'>,
  counts: boolean,
): Promise<void> {
  await settle();
  const timed = async (request: (steps: BenchWork) => BenchRequest): Promise<number> => {
    const ask = async (count: number): Promise<number> =>
      v.parse(timingSchema, await child.ask(request({ ...work, steps: count }))).ms;
    // Once to wake everything up and to see how often it fits into a turn.
    const once = await ask(1);
    return counts ? ask(Math.max(1, Math.ceil(TURN_MS / once))) : once;
  };
  const [step, pass] = [await timed((train) => ({ train })), await timed((infer) => ({ infer }))];
  if (!counts) return;
  steps.push(step);
  passes.push(pass);
}

const peakSchema = v.object({ peakMb: v.number() });

async function report(
  { runtime, process: child, steps, passes }: Contestant,
  model: string,
  batch: number,
  sequence: number,
): Promise<BenchRow> {
  const { peakMb } = v.parse(peakSchema, await child.ask({ peak: true }));
  return {
    model,
    batch,
    sequence,
    runtime,
    device: 'cpu',
    stepMs: median(steps),
    inferMs: median(passes),
    peakMb,
  };
}
