import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { read, readmes, root } from './docs-pages.js';

/** Files and folders of the repository that a text names, without what stands for any name or is built first. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`((?:packages|apps|tooling|sweeps)\/[^`\s]*)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => !/[<>*]|\/dist\//.test(path));

describe('files of the repository that a text names are there', () => {
  it.each([...readmes(), 'ARCHITECTURE.md', 'tooling/README.md'])('%s', (text) => {
    expect(pathsIn(read(text)).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('the map for contributors names many', () => {
    expect(new Set(pathsIn(read('CONTRIBUTING.md'))).size).toBeGreaterThan(30);
  });
});
