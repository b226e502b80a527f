import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as library from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { examplesOf, runExample } from '../../../tooling/readme-example.js';
import { errorCodes } from '../../../tooling/readme-sources.js';
import * as own from '../src/index.js';
import { ASSETS } from './support.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const modules = { '@huggingface/transformers': library, '@hadamard-adapter/transformers': own };

describe('README', () => {
  it('has examples that print what they say, and save what they say', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hadamard-readme-'));
    const examples = examplesOf(readme);
    expect(examples).toHaveLength(2);
    for (const [code, printed] of examples)
      expect(
        await runExample(code, modules, {
          'node_modules/@hadamard-adapter/cli/assets/': ASSETS,
          'adapters/animals': join(folder, 'animals'),
        }),
      ).toBe(printed);
    expect(readdirSync(join(folder, 'animals'))).toContain('adapter_model.safetensors');
    rmSync(folder, { recursive: true, force: true });
  });

  it('names every function that is exported', () => {
    expect(Object.keys(own).filter((name) => !readme.includes(name))).toEqual([]);
  });

  it('lists every error code', () => {
    const codes = errorCodes(new URL('../src/', import.meta.url));
    expect(codes.length).toBeGreaterThan(15);
    expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
  });
});
