import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as library from '@huggingface/transformers';
import { describe, expect, it, vi } from 'vitest';
import * as own from '../src/index.js';
import { ASSETS } from './support.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [, source = '', expected = ''] = /```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```/.exec(readme) ?? [];

type Modules = Readonly<Record<string, object>>;

const modules: Modules = { '@huggingface/transformers': library, '@hadamard-adapter/transformers': own };
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => (modules: Modules) => Promise<void>;

describe('README', () => {
  it('has an example that prints what it says, and saves what it says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hadamard-readme-'));
    const code = source
      .replaceAll(/import (\{[^}]+\}) from '([^']+)';/g, "const $1 = modules['$2'];")
      .replace('node_modules/@hadamard-adapter/cli/assets/', ASSETS)
      .replace('adapters/animals', join(folder, 'animals'));
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await new AsyncFunction('modules', code)(modules);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(expected.trimEnd());
    expect(readdirSync(join(folder, 'animals'))).toContain('adapter_model.safetensors');
    rmSync(folder, { recursive: true, force: true });
  });

  it('names every function that is exported', () => {
    expect(Object.keys(own).filter((name) => !readme.includes(name))).toEqual([]);
  });
});
