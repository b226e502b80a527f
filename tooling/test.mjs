#!/usr/bin/env node
// npm test: everything that must hold before a change lands. `--only build,unit` runs some of the steps.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { install, requireNode, root, run, seconds, tool } from './lib.mjs';

requireNode();

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const scratch = mkdtempSync(join(tmpdir(), 'hadamard-test-'));
const unitReport = join(scratch, 'vitest.json');
const totals = { passed: 0, failed: 0 };
const packaged = join('packages', 'conformance', 'fixtures');

const steps = [
  { name: 'install', command: install() },
  { name: 'build', command: tool('turbo', 'run', 'build') },
  { name: 'typecheck', command: tool('turbo', 'run', 'typecheck') },
  { name: 'lint', command: tool('oxlint', '--deny-warnings') },
  { name: 'publint', command: tool('turbo', 'run', 'publint') },
  { name: 'unit', command: tool('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${unitReport}`), loud: true, count: countUnit },
  { name: 'conformance', command: verify(packaged, 'onnxruntime'), count: countConformance },
  // The interpreter is slow; forms that differ only before they are canonical give it the same graph.
  { name: 'conformance (reference)', command: verify(packaged, 'reference', ['model', 'model.optimized', 'model.int8', 'model.fp16', 'model.safetensors']), count: countConformance },
  { name: 'conformance (core)', command: verify(packaged, 'core'), count: countConformance },
  ...sharedConformance(),
];

const unknown = only?.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  console.error(`There is no step ${unknown}; there are ${steps.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

let failed = false;
for (const { name, command, loud = false, count } of steps) {
  if (only !== undefined && !only.includes(name)) continue;
  const started = performance.now();
  console.log(`── ${name}`);
  const { code, output } = await run(...command, { loud });
  count?.(output ?? '');
  if (code === 0) {
    console.log(`   ${seconds(started)}`);
    continue;
  }
  console.error(`${output}\n── ${name} failed after ${seconds(started)}`);
  failed = true;
  break;
}

rmSync(scratch, { recursive: true, force: true });
// A step that fails outside of any counted test is a failure all the same.
if (failed && totals.failed === 0) totals.failed = 1;
if (only === undefined || failed) console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(failed ? 1 : 0);

function verify(fixtures, runtime, variants = []) {
  const filters = variants.flatMap((variant) => ['--variant', variant]);
  return [process.execPath, [join('packages', 'cli', 'dist', 'bin.js'), 'verify', '--fixtures', fixtures, '--runtime', runtime, '--device', 'cpu', ...filters, '--json']];
}

/** The same suite on other fixtures, where there are any. */
function sharedConformance() {
  const folder = join('..', 'shared', 'fixtures');
  const reason = !existsSync(join(root, folder)) ? 'no ../shared/fixtures' : isPackaged(join(root, folder)) ? 'every file of ../shared/fixtures is packaged, and was run' : undefined;
  if (reason === undefined) return [{ name: 'conformance (shared fixtures)', command: verify(folder, 'onnxruntime'), count: countConformance }];
  console.log(`skipped: conformance on shared fixtures: ${reason}`);
  return [];
}

/** Whether the packaged fixtures have every model and every golden value of `folder`. */
function isPackaged(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(onnx|safetensors|json)$/.test(name));
  return files.every((name) => {
    const own = join(root, packaged, name);
    return existsSync(own) && readFileSync(own).equals(readFileSync(join(folder, name)));
  });
}

function countUnit() {
  if (!existsSync(unitReport)) return;
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(unitReport, 'utf8'));
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
}

function countConformance(output) {
  const line = output.trim().split('\n').findLast((text) => text.startsWith('{'));
  const { passed = 0, failed: broken = 0, gaps = [], failures = [] } = line === undefined ? {} : JSON.parse(line);
  totals.passed += passed;
  totals.failed += broken;
  console.log(`   ${passed} cases passed, ${broken} failed, ${gaps.length} declared gaps`);
  for (const { key, message } of failures) console.error(`   ${key}: ${message}`);
}
