#!/usr/bin/env node
// What each precision of a base model costs: node tooling/embedded-base/compare.mjs MODEL_FOLDER [--seeds N] [-- flags
// of `hadamard train` that name data] Without data flags the example data is used. Scores are means over the seeds,
// with the standard deviation.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readModel, writeModel } from '@hadamard-adapter/graph/internal';
import { PRECISIONS, withPrecision } from './precision.mjs';

const cut = process.argv.indexOf('--');
const own = process.argv.slice(2, cut === -1 ? undefined : cut);
const { values, positionals } = parseArgs({
  args: own,
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '5' } },
});
const [source] = positionals;
if (source === undefined) {
  console.error(
    'usage: node tooling/embedded-base/compare.mjs MODEL_FOLDER [--seeds N] [-- data flags of hadamard train]',
  );
  process.exit(2);
}
const cli = join(import.meta.dirname, '..', '..', 'packages', 'cli');
const examples = join(cli, 'assets', 'examples');
const data =
  cut === -1
    ? ['--train', join(examples, 'train.csv'), '--dev', join(examples, 'test.csv'), '--epochs', '20', '--lr', '0.01']
    : process.argv.slice(cut + 1);
const original = readModel(readFileSync(join(source, 'onnx', 'model.onnx')));
const scratch = mkdtempSync(join(tmpdir(), 'hadamard-precision-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const rows = [];
for (const precision of Object.keys(PRECISIONS)) {
  const folder = join(scratch, precision);
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    cpSync(join(source, file), join(folder, file));
  const { rounded, bytes } = withPrecision(original, precision);
  writeFileSync(join(folder, 'onnx', 'model.onnx'), Buffer.concat(writeModel(rounded)));
  const runs = Array.from({ length: Number(values.seeds) }, (_, seed) => train(folder, seed));
  rows.push({
    precision,
    MiB: (bytes / 2 ** 20).toFixed(2),
    classifier: spread(runs.map(([first]) => first)),
    Hadamard: spread(runs.map(([, second]) => second)),
  });
}
console.table(rows);

function train(folder, seed) {
  const args = [
    'train',
    '--model',
    folder,
    ...data,
    '--seed',
    String(seed),
    '--output',
    join(scratch, 'adapter'),
    '--json',
  ];
  const output = execFileSync(process.execPath, [join(cli, 'dist', 'bin.js'), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  return JSON.parse(output.trim().split('\n').at(-1)).stages.map(({ score }) => score);
}

function spread(scores) {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const deviation = Math.sqrt(
    scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / Math.max(1, scores.length - 1),
  );
  return `${mean.toFixed(4)} ± ${deviation.toFixed(4)}`;
}
