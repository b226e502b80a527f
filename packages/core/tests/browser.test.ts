/// <reference types="node" />
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const folder = new URL('../src/', import.meta.url);
const sources = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')] as const);

describe('core runs everywhere', () => {
  it.each(sources)('%s uses nothing that only Node has, and imports no runtime', (_, text) => {
    const imports = [...text.matchAll(/from '([^']+)'/g)].map(([, path]) => path as string);
    expect(
      imports.filter(
        (path) => !/^\.{1,2}\/(?:[\w-]+\/)?[\w-]+\.js$|^valibot$|^simple-statistics$|^pure-rand\//.test(path),
      ),
    ).toEqual([]);
    expect(text).not.toMatch(/\b(Buffer|process|require|__dirname|setImmediate)\b[.(]/);
  });
});
