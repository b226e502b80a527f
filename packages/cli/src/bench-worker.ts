import { createInterface } from 'node:readline';
import { buildEncoder, float32Tensor } from '@hadamard-adapter/onnx';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import type { Batch, TrainableModel } from '@hadamard-adapter/core';
import type { BenchRequest, BenchSetup, BenchWork } from './bench/peer.js';
import { trainOnRows, trainWithCache } from './bench/rows-worker.js';

/** Our side of `hadamard bench`: the same encoder, the same trained tensors, the same requests as the peer. */
async function main(): Promise<void> {
  let model: TrainableModel | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
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

async function setup({ layers, hidden, heads, intermediate, vocab, positions, threads, adapted }: BenchSetup): Promise<TrainableModel> {
  const config = {
    model_type: 'bert',
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    vocab_size: vocab,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
  };
  const random = (name: string, dims: readonly number[]) => float32Tensor(randomWeights(name, dims.reduce((product, size) => product * size, 1)), dims);
  const graph = buildEncoder(config, { has: (name) => !name.startsWith('pooler'), take: random });
  return loadModel({ graph }, { numLabels: 2, threads, ...(adapted === undefined ? {} : { layers: adapted }) });
}

/** Small, cheap, repeatable: speed does not depend on the values as long as none is denormal. */
function randomWeights(name: string, size: number): Float32Array {
  const values = new Float32Array(size);
  if (name.endsWith('LayerNorm.weight')) return values.fill(1);
  let state = 12345;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = (state / 2 ** 31) * 0.05;
  }
  return values;
}

async function train(model: TrainableModel, work: BenchWork): Promise<{ ms: number }> {
  const batch = makeBatch(work);
  return timed(work.steps, () => model.step([batch], { groups: ['adapter', 'norm'], learningRate: 1e-3 }));
}

async function infer(model: TrainableModel, work: BenchWork): Promise<{ ms: number }> {
  const batch = makeBatch(work);
  return timed(work.steps, () => model.predict(batch));
}

async function timed(steps: number, action: () => Promise<unknown>): Promise<{ ms: number }> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await action();
  return { ms: (performance.now() - start) / steps };
}

function makeBatch({ batch, sequence }: BenchWork): Batch {
  const size = batch * sequence;
  return {
    batch,
    sequence,
    inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % 1000)),
    attentionMask: new Int32Array(size).fill(1),
    labels: Float32Array.from({ length: batch }, (_, row) => row % 2),
  };
}

await main();
