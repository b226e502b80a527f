import { layout, type Batch, type TrainableModel } from '@hadamard-adapter/core';
import { loadModel } from '@hadamard-adapter/onnxruntime/web';
import { benchBatch, benchEncoder, randomWeights, type BenchSizes } from '../../packages/lab/src/bench/encoder.js';
import { loadModel as loadTfjs } from '@hadamard-adapter/tfjs';
import { tf, tfjsPeer } from './tfjs-peer.js';

type Step = (batch: Batch) => Promise<number>;

/** Every WebAssembly memory of the page, to see whether it grows. */
const memories: WebAssembly.Memory[] = [];
const OriginalMemory = WebAssembly.Memory;
WebAssembly.Memory = new Proxy(OriginalMemory, {
  construct(target, parameters) {
    const memory = Reflect.construct(target, parameters) as WebAssembly.Memory;
    memories.push(memory);
    return memory;
  },
});

async function ours(
  sizes: BenchSizes,
  device: string,
  threads: number,
): Promise<{ step: Step; dispose: () => Promise<void> }> {
  return prepared(
    await loadModel(
      { graph: benchEncoder(sizes) },
      { numLabels: 2, device, ...(device === 'wasm' ? { threads } : {}) },
    ),
  );
}

/** With the classifier of the peer. */
async function prepared(model: TrainableModel): Promise<{ step: Step; dispose: () => Promise<void> }> {
  const places = layout(model.parameters);
  const values = await model.read();
  places.slice(values, 'classifier.weight').set(randomWeights('classifier', places.sizeOf('classifier.weight')));
  await model.write(values);
  return {
    step: async (batch) => (await model.step([batch], { groups: ['adapter', 'norm'], learningRate: 1e-3 })).loss,
    dispose: () => model.dispose(),
  };
}

/** The median time of a step of each contestant, taking turns; and the losses, which have to be the same. */
async function compare(
  sizes: BenchSizes,
  options: { batch: number; sequence: number; rounds: number; threads: number },
): Promise<unknown> {
  const batch = benchBatch({ batch: options.batch, sequence: options.sequence });
  const mine = await ours(sizes, 'wasm', options.threads);
  const results = await takeTurns(
    { onnxruntime: mine.step, tfjs: await tfjsPeer(sizes, options.threads) },
    batch,
    options.rounds,
  );
  await mine.dispose();
  return results;
}

/**
 * TensorFlow.js against TensorFlow.js: our executor of graphs, and the model written by hand, on one of its backends.
 */
async function compareTfjs(
  sizes: BenchSizes,
  options: { backend: string; batch: number; sequence: number; rounds: number; threads: number },
): Promise<unknown> {
  const byHand = await tfjsPeer(sizes, options.threads, options.backend);
  const mine = await prepared(
    await loadTfjs({ graph: benchEncoder(sizes) }, { tf, device: options.backend, numLabels: 2 }),
  );
  const results = await takeTurns({ tfjs: mine.step, byHand }, benchBatch(options), options.rounds);
  await mine.dispose();
  return results;
}

async function takeTurns(
  steps: Readonly<Record<string, Step>>,
  batch: Batch,
  rounds: number,
): Promise<Record<string, { stepMs: number | undefined; losses: number[] }>> {
  const contestants = Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [name, { step, ms: [] as number[], losses: [] as number[] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const { step, ms, losses } of Object.values(contestants)) {
      const started = performance.now();
      losses.push(await step(batch));
      // The first round compiles and fills caches.
      if (round > 0) ms.push(performance.now() - started);
    }
  }
  return Object.fromEntries(
    Object.entries(contestants).map(([name, { ms, losses }]) => [
      name,
      { stepMs: ms.toSorted((a, b) => a - b)[Math.floor(ms.length / 2)], losses },
    ]),
  );
}

/** Steps with batches of changing shape; bytes of WebAssembly memory after a tenth of them and at the end. */
async function endurance(
  sizes: BenchSizes,
  { device, steps, threads }: { device: string; steps: number; threads: number },
): Promise<unknown> {
  const bytes = (): number => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  const { step, dispose } = await ours(sizes, device, threads);
  const seen: number[] = [];
  for (let i = 0; i < steps; i++) {
    await step(benchBatch({ batch: 1 + ((i * 5) % 8), sequence: 8 + ((i * 37) % 121) }));
    seen.push(bytes());
  }
  await dispose();
  return {
    device,
    steps,
    mbAfterTenth: (seen[Math.floor(steps / 10)] ?? 0) / 2 ** 20,
    mbAtEnd: (seen.at(-1) ?? 0) / 2 ** 20,
  };
}

Object.assign(globalThis, { bench: { compare, compareTfjs, endurance } });
