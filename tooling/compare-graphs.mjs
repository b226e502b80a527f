#!/usr/bin/env node
// Time a training step and an inference of the same model in several files, in turns: what an exporter's graph costs
// against one built from the checkpoint.
//   node tooling/compare-graphs.mjs model/onnx/model.onnx model/model.safetensors [--rounds 3] \
//     [--batch 8] [--sequence 128] [--threads 2]
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readEncoder } from '../packages/compiler/dist/internal.js';
import { loadModel } from '../packages/onnxruntime/dist/index.js';

const number = { type: 'string' };
const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { rounds: number, batch: number, sequence: number, threads: number },
});
const {
  rounds = 3,
  batch: rows = 8,
  sequence = 128,
  threads = 2,
} = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
if (files.length === 0) {
  console.error('usage: node tooling/compare-graphs.mjs FILE...');
  process.exit(2);
}

const STEPS_PER_ROUND = 4;
const size = rows * sequence;
const batch = {
  batch: rows,
  sequence,
  inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % 1000)),
  attentionMask: new Int32Array(size).fill(1),
  labels: Float32Array.from({ length: rows }, (_, row) => row % 2),
};

/** config.json beside the file, or beside its folder as with onnx/model.onnx. */
function configOf(file) {
  const path = [dirname(file), join(dirname(file), '..')].map((folder) => join(folder, 'config.json')).find(existsSync);
  return path === undefined ? {} : JSON.parse(readFileSync(path, 'utf8'));
}

async function milliseconds(run) {
  await run();
  const started = performance.now();
  for (let i = 0; i < STEPS_PER_ROUND; i++) await run();
  return (performance.now() - started) / STEPS_PER_ROUND;
}

const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
const times = new Map(files.map((file) => [file, { step: [], infer: [] }]));
for (let round = 0; round < rounds; round++) {
  for (const file of files) {
    const model = await loadModel(
      { graph: readEncoder(new Uint8Array(readFileSync(file)), { config: configOf(file) }) },
      { numLabels: 2, threads },
    );
    const { step, infer } = times.get(file);
    step.push(await milliseconds(() => model.step([batch], { groups: ['adapter', 'norm'], learningRate: 1e-3 })));
    infer.push(await milliseconds(() => model.predict(batch)));
    await model.dispose();
  }
}
for (const [file, { step, infer }] of times)
  console.log(`${file}: step ${median(step).toFixed(0)} ms, inference ${median(infer).toFixed(0)} ms`);
