import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError } from '@hadamard-adapter/core';
import { packagedFixtures, readFixtures } from '../src/node.js';
import { failure } from './support/failure.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-fixtures-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a fixture folder', () => {
  it('is read family by family, with the model files that are in it', async () => {
    const fixtures = await readFixtures(packagedFixtures);
    expect(fixtures.map(({ family }) => family)).toEqual([
      'albert',
      'bart',
      'bert',
      'deberta',
      'deberta-v2',
      'distilbert',
      'electra',
      'modernbert',
      'roberta',
      't5-encoder',
    ]);
    const usual = [
      'model.classic.onnx',
      'model.dynamo.onnx',
      'model.onnx',
      'model.opset17.onnx',
      'model.optimized.onnx',
      'model.safetensors',
    ];
    const variantsOf = (name: string): readonly string[] | undefined =>
      fixtures.find(({ family }) => family === name)?.variants;
    expect(variantsOf('bert')).toEqual([
      'model.classic.onnx',
      'model.dynamo.onnx',
      'model.fp16.onnx',
      'model.int8.onnx',
      'model.onnx',
      'model.opset11.onnx',
      'model.opset17.onnx',
      'model.optimized.onnx',
      'model.safetensors',
    ]);
    expect(variantsOf('electra')).toEqual([usual[0], usual[1], 'model.int8.onnx', ...usual.slice(2)]);
    expect(variantsOf('t5-encoder')).toEqual(usual.slice(1));
    const bert = fixtures.find(({ family }) => family === 'bert');
    expect(bert?.config).toMatchObject({ model_type: 'bert', hidden_size: 32 });
    expect((await bert?.model('model.onnx'))?.length).toBeGreaterThan(100_000);
  });

  it('is read in part when families are named, and what else is in it does not matter', async () => {
    cpSync(join(packagedFixtures, 'electra'), join(folder, 'electra'), { recursive: true });
    mkdirSync(join(folder, 'notes'));
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken', 'golden.json'), '{');
    writeFileSync(join(folder, 'README.md'), '# Fixtures');
    expect((await readFixtures(folder, ['electra'])).map(({ family }) => family)).toEqual(['electra']);
    expect(await failure(() => readFixtures(folder))).toMatchObject({ code: 'FIXTURE_DESCRIPTION' });
  });

  it.each<[string, () => string, string[] | undefined]>([
    ['does not exist', () => join(folder, 'nowhere'), undefined],
    ['has no family in it', () => folder, undefined],
    ['lacks a family that is asked for', () => packagedFixtures, ['bert', 'gpt2']],
    ['is a file', () => join(packagedFixtures, 'bert', 'golden.json'), undefined],
  ])('that %s is refused: no run without a case', async (_, path, families) => {
    const error = await failure(() => readFixtures(path(), families));
    expect(error).toBeInstanceOf(DataError);
    expect(error.code).toBe('FIXTURES_MISSING');
  });

  it('says which package to install where the packaged ones are missing', async () => {
    // What Node finds decides it, so it is a process of its own, of the built package, in a place without any.
    const copy = join(folder, 'node_modules', '@hadamard-adapter', 'conformance');
    const source = join(import.meta.dirname, '..');
    for (const name of ['dist', 'package.json']) cpSync(join(source, name), join(copy, name), { recursive: true });
    for (const name of ['@hadamard-adapter/core', 'valibot'])
      symlinkSync(join(source, 'node_modules', name), join(folder, 'node_modules', name));
    const code = `const { packagedFixtures, readFixtures } = await import('@hadamard-adapter/conformance/node');
      await readFixtures(packagedFixtures).catch(({ code, hint }) => console.log(JSON.stringify({ code, hint })));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(JSON.parse(printed)).toEqual({
      code: 'FIXTURES_MISSING',
      hint: 'npm install @hadamard-adapter/conformance-fixtures',
    });
  });

  it('says which family it lacks', async () => {
    expect(await failure(() => readFixtures(packagedFixtures, ['bert', 'gpt2', 'vit']))).toMatchObject({
      found: 'families albert, bart, bert, deberta, deberta-v2, distilbert, electra, modernbert, roberta, t5-encoder',
      expected: 'gpt2, vit',
    });
  });
});
