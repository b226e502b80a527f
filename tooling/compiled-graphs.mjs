#!/usr/bin/env node
// What every packaged model is compiled to, as a hash of its nodes in their order: names of values do not count, what
// they are connected to does. A change that moves code changes nothing here; one that means to says so with --write.
//   node tooling/compiled-graphs.mjs            compares with tooling/compiled-graphs.json
//   node tooling/compiled-graphs.mjs --write    records anew
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  buildAdapterModel,
  buildServingModel,
  canonicalize,
  compileForward,
  compileInference,
  compileServing,
  compileServingRows,
  compileTraining,
  readEncoder,
} from '@hadamard-adapter/compiler/internal';
import { root } from './lib.mjs';

const FIXTURES = join(root, 'packages', 'conformance-fixtures', 'fixtures');
const RECORD = join(root, 'tooling', 'compiled-graphs.json');
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });

/** One adapter model of every kind that decides what is compiled. */
const MODELS = {
  context: { site: 'context', norm: 'attention', pooling: 'mean', head: 'linear', numLabels: 3, loss: 'cross-entropy' },
  output: { site: 'output', norm: 'both', pooling: 'first', head: 'tanh', numLabels: 1, loss: 'mse' },
};

/** What is compiled of one. */
const PROGRAMS = {
  inference: (model) => compileInference(model, ['logits', 'hidden']),
  classifier: (model) => compileTraining(model, ['classifier']),
  adapter: (model) => compileTraining(model, ['adapter', 'norm']),
  forward: (model) => compileForward(model, 'loss').graph,
};

const found = {};
for (const family of readdirSync(FIXTURES, { withFileTypes: true })) {
  if (!family.isDirectory()) continue;
  const folder = join(FIXTURES, family.name);
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  for (const file of readdirSync(folder)
    .filter((name) => /^model.*\.(onnx|safetensors)$/.test(name))
    .toSorted()) {
    const canonical = canonicalize(readEncoder(readFileSync(join(folder, file)), { config }));
    const add = (name, graph) => (found[`${family.name}/${file}/${name}`] = describe(graph));
    add('canonical', canonical.graph);
    for (const [site, options] of Object.entries(MODELS)) {
      const model = buildAdapterModel(canonical, options);
      for (const [name, compile] of Object.entries(PROGRAMS)) add(`${site}/${name}`, compile(model));
    }
    const serving = buildServingModel(canonical, { ...MODELS.context, crossAttention: false });
    add('serving', compileServing(serving));
    add('serving-rows', compileServingRows(serving));
  }
}

if (values.write) {
  writeFileSync(RECORD, `${JSON.stringify(found, undefined, 2)}\n`);
  console.log(`wrote ${Object.keys(found).length} graphs`);
} else {
  const recorded = JSON.parse(readFileSync(RECORD, 'utf8'));
  const differing = [...new Set([...Object.keys(found), ...Object.keys(recorded)])].filter(
    (key) => found[key] !== recorded[key],
  );
  for (const key of differing) console.error(`${key}: ${recorded[key] ?? 'none'} became ${found[key] ?? 'none'}`);
  console.log(`${Object.keys(recorded).length} graphs, ${differing.length} changed`);
  process.exitCode = differing.length === 0 ? 0 : 1;
}

/** `123 nodes 0a1b2c…` */
function describe({ inputs, outputs, nodes, tensors }) {
  const numbers = new Map([['', 0]]);
  const number = (value) => {
    if (!numbers.has(value)) numbers.set(value, numbers.size);
    return numbers.get(value);
  };
  const hash = createHash('sha256');
  const tell = (...parts) => hash.update(`${JSON.stringify(parts)}\n`);
  for (const { name, dtype, dims } of inputs) tell('input', name, dtype, dims, number(name));
  for (const { op, domain, inputs: read, outputs: made, attributes } of nodes) {
    const settings = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
    tell(
      domain,
      op,
      settings.map(([key, { type, value }]) => [key, type, type === 'tensor' ? told(value) : value]),
    );
    for (const value of read) tell(tensors.has(value) ? told(tensors.get(value)) : number(value));
    for (const value of made) tell(number(value));
  }
  for (const { name, dtype, dims } of outputs) tell('output', dtype, dims.length, number(name));
  return `${nodes.length} nodes ${hash.digest('hex').slice(0, 16)}`;
}

function told({ dtype, dims, bytes }) {
  return [dtype, dims, createHash('sha256').update(bytes).digest('hex')];
}
