import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { examplesOf } from '../../../tooling/readme-example.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const examples = examplesOf(readFileSync(new URL('../README.md', import.meta.url), 'utf8'));

describe('README', () => {
  it.each(examples)('has an example that prints what it says', (code, printed) => {
    // Where a file lies is for Node to say, so the example is a process of its own.
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(output.trimEnd()).toBe(printed);
  });
});
