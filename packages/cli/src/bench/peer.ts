import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { RuntimeError } from '@hadamard-adapter/core';

/** Sizes of the encoder under test; weights are random. */
export interface BenchSetup {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly positions: number;
  readonly threads: number;
}

export interface BenchWork {
  readonly batch: number;
  readonly sequence: number;
  readonly steps: number;
}

export type BenchRequest = { readonly setup: BenchSetup } | { readonly train: BenchWork } | { readonly infer: BenchWork } | { readonly peak: true };

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
  createInterface({ input: child.stdout }).on('line', (line) => waiting?.resolve(JSON.parse(line) as Record<string, unknown>));
  const fail = (found: string): void =>
    waiting?.reject(new RuntimeError(`${command} ended before it answered`, { code: 'BENCH_PROCESS', found: complaint.trim().split('\n').at(-1) ?? found }));
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
      child.kill();
    },
  };
}
