import { readFileSync, readdirSync } from 'node:fs';
import * as core from '@hadamard-adapter/core';
import { describe, expect, it, vi } from 'vitest';
import * as onnx from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? '';

type Modules = Readonly<Record<string, object>>;

const modules: Modules = { '@hadamard-adapter/core': core, '@hadamard-adapter/onnx': onnx };
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => (modules: Modules) => Promise<void>;

/** Every error code in the sources. */
function codes(): string[] {
  const root = new URL('../src/', import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return [...new Set(sources.flatMap((name) => [...readFileSync(new URL(name, root), 'utf8').matchAll(/code: '([A-Z_0-9]+)'/g)].map(([, code]) => code as string)))];
}

describe('README', () => {
  it('has an example that prints what it says', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await new AsyncFunction('modules', block('js').replaceAll(/import (\{[^}]+\}) from '([^']+)';/g, "const $1 = modules['$2'];"))(modules);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(block('text').trimEnd());
  });

  it('lists every error code', () => {
    expect(codes().length).toBeGreaterThan(40);
    expect(codes().filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });

  it('lists every folder of the sources', () => {
    const folders = readdirSync(new URL('../src/', import.meta.url), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of folders) expect(readme).toContain(`\`${name}/\``);
  });
});
