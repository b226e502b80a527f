import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import { errorCodes, foldersOf } from '../../../tooling/readme-sources.js';
import * as graph from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [[code, printed] = ['', ' ']] = examplesOf(readme);

const modules = { '@hadamard-adapter/graph': graph };

const sources = new URL('../src/', import.meta.url);

describe('README', () => {
  it('has an example that prints what it says', async () => {
    expect(await runExample(code, modules)).toBe(printed);
  });

  it('lists every error code', () => {
    const codes = errorCodes(sources);
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });

  it('lists every folder of the sources', () => {
    for (const name of foldersOf(sources)) expect(readme).toContain(`\`${name}/\``);
  });
});
