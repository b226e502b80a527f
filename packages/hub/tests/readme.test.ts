import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import { errorCodes, foldersOf } from '../../../tooling/readme-sources.js';
import * as hub from '../src/index.js';
import * as node from '../src/node.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [[code, printed] = ['', ' ']] = examplesOf(readme);
const root = new URL('../src/', import.meta.url);

describe('README', () => {
  it('has an example that prints what it says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hadamard-readme-'));
    const modules = { '@hadamard-adapter/hub': hub };
    expect(await runExample(code, modules, { 'adapters/mine': join(folder, 'mine') })).toBe(printed);
    expect(readdirSync(join(folder, 'mine'))).toEqual(['numbers.bin']);
    rmSync(folder, { recursive: true, force: true });
  });

  it('names everything that is exported', () => {
    expect([...Object.keys(hub), ...Object.keys(node)].filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  });

  it('lists every error code', () => {
    const codes = errorCodes(root);
    expect(codes.length).toBeGreaterThan(7);
    expect(codes.filter((each) => !readme.includes(`\`${each}\``))).toEqual([]);
  });

  it('lists every folder of the sources', () => {
    for (const name of foldersOf(root)) expect(readme).toContain(`\`${name}/\``);
  });
});
