import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as core from '@hadamard-adapter/core';
import * as tasks from '@hadamard-adapter/tasks';
import { beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import * as tfjs from '../src/index.js';
import * as keras from '../src/keras.js';
import { tf } from './support/node.js';

const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const modules = {
  'node:fs': fs,
  '@tensorflow/tfjs': tf,
  '@hadamard-adapter/core': core,
  '@hadamard-adapter/tasks': tasks,
  '@hadamard-adapter/tfjs': tfjs,
};
const assets = fileURLToPath(new URL('../../cli/assets/', import.meta.url));

// The example prints how many tensors are left; other files, which shared this process, may have left some.
beforeAll(async () => {
  tf.engine().reset();
  await tf.setBackend('cpu');
});

describe('README', () => {
  it('has an example', () => {
    expect(examplesOf(readme)).toHaveLength(1);
  });

  it.each(examplesOf(readme))('has an example that prints what it says (%#)', async (code, printed) => {
    expect(await runExample(code, modules, { 'node_modules/@hadamard-adapter/cli/assets/': assets })).toBe(printed);
  });

  it('names every function that is exported', () => {
    expect([...Object.keys(tfjs), ...Object.keys(keras)].filter((name) => !readme.includes(`${name}(`))).toEqual([]);
  });
});
