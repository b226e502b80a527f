import * as fs from 'node:fs';
import * as core from '@hadamard-adapter/core';
import * as tasks from '@hadamard-adapter/tasks';
import { describe, expect, it, vi } from 'vitest';
import * as tfjs from '../src/index.js';
import { tf } from './support/node.js';

const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** Each example with what it prints. */
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```/g)].map(([, code, printed]) => [code as string, printed as string] as const);

type Modules = Readonly<Record<string, object>>;

const modules: Modules = { 'node:fs': fs, '@tensorflow/tfjs': tf, '@hadamard-adapter/core': core, '@hadamard-adapter/tasks': tasks, '@hadamard-adapter/tfjs': tfjs };
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => (modules: Modules) => Promise<void>;

describe('README', () => {
  it('has an example', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it.each(examples)('has an example that prints what it says (%#)', async (source, expected) => {
    const base = new URL('../../cli/assets/mini-bert', import.meta.url).pathname;
    expect(fs.existsSync(base)).toBe(true);
    const code = source
      .replaceAll(/import (?:\* as (\w+)|(\{[^}]+\})) from '([^']+)';/g, (_, all, some, name) => `const ${all ?? some} = modules['${name}'];`)
      .replaceAll(/import '[^']+';\n/g, '')
      .replace('node_modules/@hadamard-adapter/cli/assets/mini-bert', base);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await new AsyncFunction('modules', code)(modules);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(expected.trimEnd());
  });

  it('names every function that is exported', () => {
    expect(Object.keys(tfjs).filter((name) => !readme.includes(`\`${name}(`))).toEqual([]);
  });
});
