import { createInterface } from 'node:readline';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import type { TrainableModel } from '@hadamard-adapter/core';
import { benchBatch, benchEncoder } from './bench/encoder.js';
import type { BenchRequest, BenchSetup, BenchWork } from './bench/peer.js';
import { trainOnRows, trainWithCache } from './bench/rows-worker.js';

/** Our side of `hadamard bench`: the same encoder, the same trained tensors, the same requests as the peer. */
async function main(): Promise<void> {
  let model: TrainableModel | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    // What `bench.ts` and its neighbours send.
    const request = JSON.parse(line) as BenchRequest;
    let reply: Record<string, unknown>;
    if ('setup' in request) {
      model = await setup(request.setup);
      reply = { device: model.device };
    } else if ('peak' in request) reply = { peakMb: process.resourceUsage().maxRSS / 1024 };
    else if (model === undefined) reply = { error: 'no setup' };
    else if ('batches' in request) reply = await trainOnRows(model, request.batches);
    else if ('cache' in request) reply = { ...(await trainWithCache(model, request.cache)) };
    else reply = 'train' in request ? await train(model, request.train) : await infer(model, request.infer);
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}

async function setup({
  threads,
  adapted,
  arithmetic = 'float32',
  lowMemory = false,
  ...sizes
}: BenchSetup): Promise<TrainableModel> {
  return loadModel(
    { graph: benchEncoder(sizes) },
    { numLabels: 2, threads, arithmetic, lowMemory, ...(adapted === undefined ? {} : { layers: adapted }) },
  );
}

async function train(model: TrainableModel, work: BenchWork): Promise<{ ms: number }> {
  const batch = benchBatch(work);
  return timed(work.steps, () => model.step([batch], { groups: ['adapter', 'norm'], learningRate: 1e-3 }));
}

async function infer(model: TrainableModel, work: BenchWork): Promise<{ ms: number }> {
  const batch = benchBatch(work);
  return timed(work.steps, () => model.predict(batch));
}

async function timed(steps: number, action: () => Promise<unknown>): Promise<{ ms: number }> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await action();
  return { ms: (performance.now() - start) / steps };
}

await main();
