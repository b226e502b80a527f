import { existsSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs';
import * as core from '@hadamard-adapter/core';
import * as tasks from '@hadamard-adapter/tasks';
import { describe, expect, it, vi } from 'vitest';
import * as onnxruntime from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** Each example with what it prints. */
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```/g)].map(([, code, printed]) => [code as string, printed as string] as const);

type Modules = Readonly<Record<string, object>>;

const modules: Modules = { 'node:fs': fs, '@hadamard-adapter/core': core, '@hadamard-adapter/tasks': tasks, '@hadamard-adapter/onnxruntime': onnxruntime };
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => (modules: Modules) => Promise<void>;

describe('README', () => {
  it('has two examples', () => {
    expect(examples).toHaveLength(2);
  });

  it.each(examples)('has an example that prints what it says (%#)', async (source, expected) => {
    const base = new URL('../../cli/assets/mini-bert', import.meta.url).pathname;
    expect(existsSync(base)).toBe(true);
    const code = source
      .replaceAll(/import (\{[^}]+\}) from '([^']+)';/g, "const $1 = modules['$2'];")
      .replace('node_modules/@hadamard-adapter/cli/assets/mini-bert', base);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await new AsyncFunction('modules', code)(modules);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(expected.trimEnd());
  });

  it('names every function that is exported', () => {
    expect(Object.keys(onnxruntime).filter((name) => !readme.includes(`\`${name}(`))).toEqual([]);
  });
});
