import { readFileSync, readdirSync } from 'node:fs';
import * as core from '@hadamard-adapter/core';
import * as compiler from '@hadamard-adapter/compiler';
import * as graph from '@hadamard-adapter/graph';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import * as runtime from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [[code, printed] = ['', ' ']] = examplesOf(readme);

const modules = {
  '@hadamard-adapter/compiler': compiler,
  '@hadamard-adapter/core': core,
  '@hadamard-adapter/graph': graph,
  '@hadamard-adapter/runtime': runtime,
};

/** Every error code in the sources. */
function codes(): string[] {
  const root = new URL('../src/', import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return [
    ...new Set(
      sources.flatMap((name) =>
        [...readFileSync(new URL(name, root), 'utf8').matchAll(/code: '([A-Z_0-9]+)'/g)].map(
          ([, code]) => code as string,
        ),
      ),
    ),
  ];
}

describe('README', () => {
  it('has an example that prints what it says', async () => {
    expect(await runExample(code, modules)).toBe(printed);
  });

  it('lists every error code', () => {
    expect(codes().length).toBeGreaterThan(5);
    expect(codes().filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });

  it('lists every folder of the sources', () => {
    const folders = readdirSync(new URL('../src/', import.meta.url), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    for (const { name } of folders) expect(readme).toContain(`\`${name}/\``);
  });
});
