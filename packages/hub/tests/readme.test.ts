import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import * as hub from '../src/index.js';
import * as node from '../src/node.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [[code, printed] = ['', ' ']] = examplesOf(readme);
const root = new URL('../src/', import.meta.url);

/** Every error code in the sources. */
function codes(): string[] {
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
    expect(codes().length).toBeGreaterThan(7);
    expect(codes().filter((each) => !readme.includes(`\`${each}\``))).toEqual([]);
  });

  it('lists every folder of the sources', () => {
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of folders) expect(readme).toContain(`\`${name}/\``);
  });
});
