#!/usr/bin/env node
// Put a base model into the repository, its large weights as int8: node tooling/embedded-base/make.mjs MODEL_FOLDER
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModel, writeModel } from '@hadamard-adapter/graph/internal';
import { withPrecision } from './precision.mjs';

const source = process.argv[2];
if (source === undefined || !existsSync(join(source, 'onnx', 'model.onnx'))) {
  console.error(
    'usage: node tooling/embedded-base/make.mjs MODEL_FOLDER (with onnx/model.onnx, config.json, tokenizer.json, ' +
      'tokenizer_config.json)',
  );
  process.exit(2);
}
const target = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'assets', 'mini-bert');
mkdirSync(join(target, 'onnx'), { recursive: true });
const { graph } = withPrecision(readModel(readFileSync(join(source, 'onnx', 'model.onnx'))), 'int8');
const chunks = writeModel(graph);
writeFileSync(join(target, 'onnx', 'model.onnx'), Buffer.concat(chunks));
for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
  copyFileSync(join(source, file), join(target, file));
console.log(`${target}: ${(chunks.reduce((sum, chunk) => sum + chunk.length, 0) / 2 ** 20).toFixed(2)} MiB`);
