// Copies what the playground loads, the embedded base model and the example texts, into the site's public folder: they
// are kept once in the repository, in the command line's package.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const assets = join(dirname(createRequire(import.meta.url).resolve('@hadamard-adapter/cli/package.json')), 'assets');
const target = join(import.meta.dirname, '..', 'public', 'embedded');

const FILES = [
  'mini-bert/config.json',
  'mini-bert/tokenizer.json',
  'mini-bert/tokenizer_config.json',
  'mini-bert/onnx/model.onnx',
  'examples/train.csv',
  'examples/test.csv',
];

rmSync(target, { recursive: true, force: true });
for (const file of FILES) {
  mkdirSync(dirname(join(target, file)), { recursive: true });
  cpSync(join(assets, file), join(target, file));
}
