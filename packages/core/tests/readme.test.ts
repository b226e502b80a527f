/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import * as core from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? '';

describe('README', () => {
  it('has an example that prints what it says', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const body = block('js').replace(/import (\{[^}]+\}) from '@hadamard-adapter\/core';/, 'const $1 = core;');
    new Function('core', body)(core);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(block('text').trimEnd());
  });

  it('names every function and constant that is exported', () => {
    const named = new Set([...readme.matchAll(/`([A-Za-z]\w*)(?:\([^`]*)?`/g)].map(([, name]) => name));
    expect(Object.keys(core).filter((name) => !named.has(name))).toEqual([]);
  });
});
