#!/usr/bin/env node
// npm test: everything that must hold before a change lands. `--only build,unit` runs some of the steps.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureChromium, vulkanOf } from './chromium.mjs';
import { install, pnpm, requireNode, root, run, seconds, tool } from './lib.mjs';

requireNode();

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const scratch = mkdtempSync(join(tmpdir(), 'hadamard-test-'));
const unitReport = join(scratch, 'unit.json');
const browserReport = join(scratch, 'browser.json');
const playgroundReport = join(scratch, 'playground.json');
const totals = { passed: 0, failed: 0 };
const packaged = join('packages', 'conformance-fixtures', 'fixtures');
let chromium;

const steps = [
  { name: 'install', command: install() },
  { name: 'build', command: tool('turbo', 'run', 'build', '--filter=./packages/*') },
  // The site is built while types are checked.
  { name: 'checks', command: tool('turbo', 'run', 'build', 'typecheck', 'publint') },
  { name: 'lint', command: pnpm('run', 'lint') },
  // Some unit tests open a page of their own.
  { name: 'chromium', work: () => (chromium = ensureChromium()) },
  { name: 'unit', command: vitest('node', unitReport), loud: true, count: () => countTests(unitReport) },
  // From here on two steps at a time: few need both cores for long. The two that train in Chromium are never side by
  // side, for their threads spin.
  {
    name: 'browser',
    alone: false,
    command: vitest('browser', browserReport),
    loud: true,
    count: () => countTests(browserReport),
  },
  { name: 'conformance', alone: false, command: verify(packaged, 'onnxruntime'), count: countConformance },
  // The interpreter is slow; forms that differ only before they are canonical give it the same graph.
  {
    name: 'conformance (reference)',
    alone: false,
    command: verify(packaged, 'reference', [
      'model',
      'model.optimized',
      'model.int8',
      'model.fp16',
      'model.safetensors',
    ]),
    count: countConformance,
  },
  { name: 'conformance (core)', alone: false, command: verify(packaged, 'core'), count: countConformance },
  // What differs from model.onnx is gone before a graph reaches a device, and shaders are compiled in software: one
  // file per family, one site.
  {
    name: 'conformance (WebGPU in Node)',
    alone: false,
    command: verify(packaged, 'onnxruntime', ['model'], 'webgpu', ['--key', '*/context/*']),
    env: () => vulkanOf(chromium ?? ensureChromium()),
    count: countConformance,
    unless: noVulkan,
  },
  // Every form on the faster backend, so that two gradients judge each of them; the other computes the same graphs.
  {
    name: 'conformance (TensorFlow.js on WASM)',
    alone: false,
    command: verify(
      packaged,
      'tfjs',
      ['model', 'model.optimized', 'model.int8', 'model.fp16', 'model.safetensors'],
      'wasm',
    ),
    count: countConformance,
  },
  {
    name: 'conformance (TensorFlow.js on CPU)',
    alone: false,
    command: verify(packaged, 'tfjs', ['model'], 'cpu', ['--key', '*/context/*']),
    count: countConformance,
  },
  ...sharedConformance(),
  { name: 'bundle', alone: false, command: [process.execPath, [join('tooling', 'bundle.mjs')]], count: show },
  { name: 'sizes', alone: false, command: [process.execPath, [join('tooling', 'sizes.mjs'), '--check']], count: show },
  {
    name: 'playground',
    alone: false,
    after: 'browser',
    command: [process.execPath, [join('apps', 'docs', 'tests', 'run.mjs'), ...reporters(playgroundReport)]],
    loud: true,
    count: () => countTests(playgroundReport),
  },
  { name: 'packages', alone: false, command: [process.execPath, [join('tooling', 'pack.mjs')]], count: show },
];

const unknown = only?.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  console.error(`There is no step ${unknown}; there are ${steps.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

let failed = false;
const wanted = steps.filter(({ name }) => only === undefined || only.includes(name));
while (wanted.length > 0 && !failed) {
  const alone = wanted.findIndex((step) => step.alone !== false);
  // Steps that use little more than one core each share two.
  if (alone === 0) await perform(wanted.shift());
  else await inLanes(wanted.splice(0, alone === -1 ? wanted.length : alone), 2);
}

/**
 * Steps by their order, as many at a time as there are lanes. A step with `after` does not begin while that one runs.
 */
async function inLanes(queue, lanes) {
  const running = new Map();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (queue.length > 0 && !failed) {
        const ready = queue.findIndex(({ after }) => !running.has(after));
        if (ready === -1) {
          await running.get(queue[0].after);
          continue;
        }
        const [step] = queue.splice(ready, 1);
        running.set(step.name, perform(step));
        await running.get(step.name);
        running.delete(step.name);
      }
    }),
  );
}

async function perform({ name, command, work, loud = false, count, env, unless }) {
  const started = performance.now();
  console.log(`── ${name}`);
  const reason = await unless?.();
  if (reason !== undefined) {
    console.log(`   skipped: ${reason}`);
    return;
  }
  const { code, output } = command === undefined ? attempt(work) : await run(...command, { loud, env: env?.() ?? {} });
  count?.(output ?? '', name);
  if (code === 0) {
    console.log(`   ${name}: ${seconds(started)}`);
    return;
  }
  console.error(`${output}\n── ${name} failed after ${seconds(started)}`);
  failed = true;
}

rmSync(scratch, { recursive: true, force: true });
// A step that fails outside of any counted test is a failure all the same.
if (failed && totals.failed === 0) totals.failed = 1;
if (only === undefined || failed) console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(failed ? 1 : 0);

function verify(fixtures, runtime, variants = [], device = 'cpu', more = []) {
  const filters = variants.flatMap((variant) => ['--variant', variant]);
  return [
    process.execPath,
    [
      join('packages', 'cli', 'dist', 'bin.js'),
      'verify',
      '--fixtures',
      fixtures,
      '--runtime',
      runtime,
      '--device',
      device,
      ...filters,
      ...more,
      '--json',
    ],
  ];
}

function vitest(project, report) {
  return tool('vitest', 'run', '--project', project, ...reporters(report));
}

/** What vitest prints, and a report to count from. */
function reporters(report) {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
}

/** The output of a step that says something worth reading when it succeeds. */
function show(output) {
  console.log(output.trim().replaceAll(/^/gm, '   '));
}

/** Work that is no command, with the result of one. */
function attempt(work) {
  try {
    return { code: 0, output: work() };
  } catch (error) {
    return { code: 1, output: error.message };
  }
}

/** Why WebGPU cannot be tested in Node here; undefined when it can. */
async function noVulkan() {
  const script =
    "const { probeDevices } = await import('./packages/onnxruntime/dist/index.js'); " +
    "console.log(JSON.stringify((await probeDevices()).find(({ device }) => device === 'webgpu')));";
  const { output } = await run(process.execPath, ['--input-type=module', '-e', script], {
    env: vulkanOf(chromium ?? ensureChromium()),
  });
  const { available, reason } = JSON.parse(
    output.split('\n').findLast((line) => line.startsWith('{')) ??
      '{"available":false,"reason":"the probe did not answer"}',
  );
  return available ? undefined : reason;
}

/** The same suite on other fixtures, where there are any. */
function sharedConformance() {
  const folder = join('..', 'shared', 'fixtures');
  const reason = !existsSync(join(root, folder))
    ? 'no ../shared/fixtures'
    : isPackaged(join(root, folder))
      ? 'every file of ../shared/fixtures is packaged, and was run'
      : undefined;
  if (reason === undefined)
    return [
      {
        name: 'conformance (shared fixtures)',
        alone: false,
        command: verify(folder, 'onnxruntime'),
        count: countConformance,
      },
    ];
  console.log(`skipped: conformance on shared fixtures: ${reason}`);
  return [];
}

/** Whether the packaged fixtures have every model and every golden value of `folder`. */
function isPackaged(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(onnx|safetensors|json)$/.test(name),
  );
  return files.every((name) => {
    const own = join(root, packaged, name);
    return existsSync(own) && readFileSync(own).equals(readFileSync(join(folder, name)));
  });
}

function countTests(report) {
  if (!existsSync(report)) return;
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
}

function countConformance(output, name) {
  const line = output
    .trim()
    .split('\n')
    .findLast((text) => text.startsWith('{'));
  const { passed = 0, failed: broken = 0, gaps = [], failures = [] } = line === undefined ? {} : JSON.parse(line);
  totals.passed += passed;
  totals.failed += broken;
  console.log(`   ${name}: ${passed} cases passed, ${broken} failed, ${gaps.length} declared gaps`);
  for (const { key, message } of failures) console.error(`   ${key}: ${message}`);
}
