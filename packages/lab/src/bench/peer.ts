import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { RuntimeError } from '@hadamard-adapter/core';
import * as v from 'valibot';

/** Sizes of an encoder; weights are random. */
export interface BenchSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly positions: number;
}

/** How a contestant of ours is set. PyTorch, which has no such choices, passes them over. */
export interface BenchWay {
  /** Of products with frozen weights. */
  readonly arithmetic?: 'float32' | 'int8';
  /** Weights on disk, one graph at a time. */
  readonly lowMemory?: boolean;
}

/** The encoder under test. */
export interface BenchSetup extends BenchSizes, BenchWay {
  readonly threads: number;
  /** Layers that carry an adapter; all when absent. */
  readonly adapted?: readonly number[];
}

/** Training steps on batches of token ids, each row as long as it is: padding is the contestant's business. */
export interface BenchBatches {
  readonly rows: readonly (readonly (readonly number[])[])[];
}

/** Epochs over the same rows with what lies in front of the lowest adapter kept from the first one on. */
export interface BenchCache {
  readonly rows: readonly (readonly number[])[];
  readonly batchSize: number;
  readonly epochs: number;
  /** Budget for what is kept; 0 keeps nothing. */
  readonly maxBytes: number;
}

export interface BenchWork {
  readonly batch: number;
  readonly sequence: number;
  readonly steps: number;
}

export type BenchRequest =
  | { readonly setup: BenchSetup }
  | { readonly train: BenchWork }
  | { readonly infer: BenchWork }
  | { readonly batches: BenchBatches }
  | { readonly cache: BenchCache }
  | { readonly peak: true };

const replySchema = v.record(v.string(), v.unknown());

/** What a contestant measured: milliseconds for one step or one batch. */
export const timingSchema = v.object({ ms: v.number() });

/** A contestant in a process of its own, so that peak memory is its own too: one JSON line in, one JSON line out. */
export interface BenchProcess {
  ask(request: BenchRequest): Promise<Record<string, unknown>>;
  stop(): void;
}

/** @throws RuntimeError BENCH_PROCESS when the process ends before it has answered. */
export function startBenchProcess(command: string, args: readonly string[]): BenchProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  let waiting: { resolve: (reply: Record<string, unknown>) => void; reject: (error: Error) => void } | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  createInterface({ input: child.stdout }).on('line', (line) =>
    waiting?.resolve(v.parse(replySchema, JSON.parse(line))),
  );
  const fail = (found: string): void =>
    waiting?.reject(
      new RuntimeError(`${command} ended before it answered`, {
        code: 'BENCH_PROCESS',
        found: complaint.trim().split('\n').at(-1) ?? found,
      }),
    );
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code) => fail(`exit code ${code}`));
  return {
    ask(request) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        child.stdin.write(`${JSON.stringify(request)}\n`);
      });
    },
    stop() {
      waiting = undefined;
      // It ends by itself, and tidies up, when there is nothing more to read.
      child.stdin.end();
      setTimeout(() => child.kill(), 2000).unref();
    },
  };
}
