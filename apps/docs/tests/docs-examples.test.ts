import * as fs from 'node:fs';
import { join } from 'node:path';
import * as conformance from '@hadamard-adapter/conformance';
import * as conformanceNode from '@hadamard-adapter/conformance/node';
import * as core from '@hadamard-adapter/core';
import * as compiler from '@hadamard-adapter/compiler';
import * as graph from '@hadamard-adapter/graph';
import * as runtime from '@hadamard-adapter/runtime';
import * as onnxruntime from '@hadamard-adapter/onnxruntime';
import * as tasks from '@hadamard-adapter/tasks';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { runExample } from '../../../tooling/readme-example.js';
import { allBlocks, blocksOf, root, type Block } from './docs-pages.js';

const modules = {
  'node:fs': fs,
  '@hadamard-adapter/conformance': conformance,
  '@hadamard-adapter/conformance/node': conformanceNode,
  '@hadamard-adapter/core': core,
  '@hadamard-adapter/compiler': compiler,
  '@hadamard-adapter/graph': graph,
  '@hadamard-adapter/runtime': runtime,
  '@hadamard-adapter/onnxruntime': onnxruntime,
  '@hadamard-adapter/tasks': tasks,
};
const replacements = { 'node_modules/@hadamard-adapter/cli/assets/': join(root, 'packages/cli/assets/') };
const examples = allBlocks().filter(({ note }) => note === 'run');

const withoutTypes = (code: string): string =>
  ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: false },
  }).outputText;
const placeOf = ({ file, line }: Block): string => `${file}:${line}`;

describe('examples in the documentation', () => {
  it('are there', () => expect(examples.length).toBeGreaterThan(2));

  it.each(examples.map((example) => [placeOf(example), example] as const))(
    '%s prints what it says',
    async (_, { code, printed }) => {
      expect(printed).toBeDefined();
      expect(await runExample(withoutTypes(code), modules, replacements)).toBe(printed);
    },
  );
});

describe('the first example of each package', () => {
  // That of the command line is run by docs-cli.test.ts.
  const packages = fs.readdirSync(join(root, 'packages')).filter((name) => name !== 'cli');

  it.each(packages)('%s: a test of the package runs it, and compares what it prints', (name) => {
    const first = blocksOf(`packages/${name}/README.md`).find(({ language }) => language === 'js');
    const test = fs.readFileSync(join(root, 'packages', name, 'tests/readme.test.ts'), 'utf8');
    expect(first?.printed).toBeDefined();
    expect(test).toMatch(
      /examples? that prints? what (?:it|they) says?|has a driver that passes and prints what it says/,
    );
  });
});
