import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as core from '@hadamard-adapter/core';
import * as tasks from '@hadamard-adapter/tasks';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import * as onnxruntime from '../src/index.js';

const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const modules = {
  'node:fs': fs,
  '@hadamard-adapter/core': core,
  '@hadamard-adapter/tasks': tasks,
  '@hadamard-adapter/onnxruntime': onnxruntime,
};
const assets = fileURLToPath(new URL('../../cli/assets/', import.meta.url));

describe('README', () => {
  it('has two examples', () => {
    expect(examplesOf(readme)).toHaveLength(2);
  });

  it.each(examplesOf(readme))('has an example that prints what it says (%#)', async (code, printed) => {
    expect(await runExample(code, modules, { 'node_modules/@hadamard-adapter/cli/assets/': assets })).toBe(printed);
  });

  it('names every function and constant that is exported', () => {
    expect(
      Object.keys(onnxruntime).filter((name) => !readme.includes(`\`${name}(`) && !readme.includes(`\`${name}\``)),
    ).toEqual([]);
  });
});
