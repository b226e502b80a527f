#!/usr/bin/env node
// What int8 arithmetic costs a model: how far hidden states and the gradient of a step are from those of float32, on
// token ids of its vocabulary in rows of different lengths.
//   node tooling/int8-cost.mjs model/onnx/model.onnx [--batch 16] [--sequence 64] [--vocab 1000]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readModel } from '../packages/graph/dist/index.js';
import { loadModel } from '../packages/onnxruntime/dist/index.js';

const number = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: number, sequence: number, vocab: number },
});
const {
  batch: rows = 16,
  sequence = 64,
  vocab = 1000,
} = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
const [file] = positionals;
if (file === undefined) {
  console.error('usage: node tooling/int8-cost.mjs FILE');
  process.exit(2);
}

const size = rows * sequence;
const batch = {
  batch: rows,
  sequence,
  inputIds: Int32Array.from({ length: size }, (_, i) => 5 + ((i * 7919) % vocab)),
  attentionMask: Int32Array.from({ length: size }, (_, i) =>
    Number(i % sequence < sequence - 2 * Math.floor(i / sequence)),
  ),
  labels: Float32Array.from({ length: rows }, (_, row) => row % 2),
};
const graph = readModel(new Uint8Array(readFileSync(file)));

async function run(arithmetic) {
  const model = await loadModel({ graph }, { numLabels: 2, arithmetic });
  const hidden = await model.encode(batch);
  const { gradients } = await model.gradients(batch, ['adapter', 'norm']);
  await model.dispose();
  return { hidden, gradients };
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const length = (a) => Math.sqrt(dot(a, a));

const [exact, rounded] = [await run('float32'), await run('int8')];
const difference = exact.hidden.map((value, i) => value - rounded.hidden[i]);
console.log(`hidden states: ${((100 * length(difference)) / length(exact.hidden)).toFixed(1)} % off, in norm`);
console.log(
  'gradient: 1 − cosine ' +
    `${(1 - dot(exact.gradients, rounded.gradients) / length(exact.gradients) / length(rounded.gradients)).toFixed(4)}`,
);
