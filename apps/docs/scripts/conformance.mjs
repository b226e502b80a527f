#!/usr/bin/env node
// Runs the conformance suite on every device of this machine and writes apps/docs/data/conformance.json, from which the
// page "Conformance" is made.
//
//   node apps/docs/scripts/conformance.mjs                all of it: half an hour on two cores
//   node apps/docs/scripts/conformance.mjs --only onnxruntime/cpu,browser/tfjs
//                                                         some of it; the rest keeps its numbers
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromiumPath, vulkanOf } from '../../../tooling/chromium.mjs';
import { BROWSER_SUITES, VERIFY_RUNS } from './suites.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const target = fileURLToPath(new URL('../data/conformance.json', import.meta.url));
const { collectCases, runCoreSuite } = await import(join(root, 'packages/conformance/dist/index.js'));
const { packagedFixtures, readFixtures } = await import(join(root, 'packages/conformance/dist/node.js'));

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const asked = (name) => only === undefined || only.includes(name);

const fixtures = await readFixtures(packagedFixtures);
const before = existsSync(target) ? JSON.parse(readFileSync(target, 'utf8')) : { verify: [], browser: [] };
const today = new Date().toISOString().slice(0, 10);

const verify = [];
for (const run of VERIFY_RUNS) {
  const name = `${run.runtime}/${run.device}`;
  const kept = before.verify.find((each) => each.runtime === run.runtime && each.device === run.device);
  verify.push(asked(name) ? await verified(run) : (kept ?? { ...described(run), reason: 'not recorded yet' }));
}
const inTests = BROWSER_SUITES.filter(({ runtime }) => asked('browser') || asked(`browser/${runtime}`));
const browser = [
  ...before.browser.filter((run) => !inTests.some((suite) => isSame(suite, run))),
  ...(inTests.length === 0 ? [] : await inBrowser(inTests)),
].toSorted((a, b) => placeOf(a) - placeOf(b));

const versions = {
  node: process.versions.node,
  'onnxruntime-node': installed('packages/onnxruntime', 'onnxruntime-node'),
  'onnxruntime-web': installed('packages/onnxruntime', 'onnxruntime-web'),
  '@tensorflow/tfjs': installed('packages/tfjs', '@tensorflow/tfjs'),
  '@huggingface/transformers': installed('packages/transformers', '@huggingface/transformers'),
};
writeFileSync(`${target}.new`, json({ versions, families: fixtures.map(({ family }) => family), verify, browser }));
renameSync(`${target}.new`, target);

function described({ runtime, device, filter = [], selection }) {
  return {
    runtime,
    device,
    command: [
      'hadamard verify',
      '--runtime',
      runtime,
      '--device',
      device,
      ...filter.map((word) => (word.includes('*') ? `'${word}'` : word)),
    ].join(' '),
    selection,
  };
}

async function verified(run) {
  const { runtime, device, filter = [], vulkan = false } = run;
  console.error(`${runtime} on ${device} …`);
  const env = vulkan && chromiumPath() !== undefined ? vulkanOf(chromiumPath()) : {};
  const verify = async (...parts) => {
    const output = await ended(
      process.execPath,
      [join(root, 'packages/cli/dist/bin.js'), 'verify', '--runtime', runtime, '--device', device, ...parts, '--json'],
      env,
    );
    return JSON.parse(output.trim().split('\n').at(-1));
  };
  // A device that is not there fails in every case: one tells.
  const first =
    runtime === 'core'
      ? { failures: [] }
      : await verify('--family', 'distilbert', '--variant', 'model', '--key', 'identity/*/context');
  const missing =
    first.error?.message ??
    first.failures.find(({ message }) => /^\[(DEVICE_UNAVAILABLE|RUNTIME_MISSING)\]/.test(message))?.message;
  if (missing !== undefined) return { ...described(run), reason: missing.replace(/^\[\w+\] /, '') };
  const report = await verify(...filter);
  const { passed, failed, gaps, failures, families, models, seconds } = report;
  return {
    ...described(run),
    recorded: today,
    passed,
    failed,
    gaps,
    failures,
    seconds: Math.round(seconds),
    errors: rounded(families),
    files: counted(models),
    kinds: kindsOf(casesOf(run), new Set([...gaps, ...failures].map(({ key }) => key))),
  };
}

/** Family and key of every case that a run of `verify` has. */
function casesOf({ runtime, filter = [] }) {
  const options = parseArgs({
    args: filter,
    options: { variant: { type: 'string', multiple: true }, key: { type: 'string' } },
  }).values;
  if (runtime === 'core') {
    const keys = [];
    runCoreSuite(fixtures, { onCase: ({ key }) => keys.push({ key, family: key.split('/')[2] }) });
    return keys;
  }
  return collectCases(fixtures, {
    ...(options.variant === undefined
      ? {}
      : { variants: options.variant.map((name) => (/\.(onnx|safetensors)$/.test(name) ? name : `${name}.onnx`)) }),
    ...(options.key === undefined ? {} : { key: options.key }),
  }).cases;
}

/** Cases by family and kind, as `counted` writes them. */
function kindsOf(cases, broken) {
  const kinds = {};
  for (const { key, family } of cases) {
    const kind = key.slice(0, key.indexOf(`/${family}`));
    const count = ((kinds[family] ??= {})[kind] ??= { passed: 0, total: 0 });
    count.total++;
    if (!broken.has(key)) count.passed++;
  }
  return counted(kinds);
}

/** How many cases there are where all passed, and otherwise `70 of 73`. */
function counted(counts) {
  const each = (table, work) => Object.fromEntries(Object.entries(table).map(([name, value]) => [name, work(value)]));
  return each(counts, (row) => each(row, ({ passed, total }) => (passed === total ? total : `${passed} of ${total}`)));
}

function isSame(a, b) {
  return a.runtime === b.runtime && a.device === b.device;
}
function placeOf(run) {
  return BROWSER_SUITES.findIndex((suite) => isSame(suite, run));
}

async function inBrowser(suites) {
  const folder = mkdtempSync(join(tmpdir(), 'hadamard-docs-'));
  const report = join(folder, 'report.json');
  const files = [...new Set(suites.map(({ file }) => file))];
  console.error(`in Chromium: ${files.join(', ')} …`);
  await ended(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    'browser',
    ...files,
    '--reporter=json',
    `--outputFile=${report}`,
  ]);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true, force: true });
  const browserVersion = (await ended(chromiumPath() ?? 'chromium', ['--version'])).trim().split('\n').at(-1);
  return suites.map(({ runtime, device, file, suite, families = fixtures.map(({ family }) => family), keys }) => {
    const tests = testResults.find(({ name }) => name.endsWith(file))?.assertionResults ?? [];
    return {
      runtime,
      device,
      file,
      suite,
      recorded: today,
      browser: browserVersion,
      families: Object.fromEntries(
        families.map((family) => {
          const own = tests.filter(
            ({ ancestorTitles, title }) =>
              ancestorTitles.at(-1) === suite && (title === family || title.startsWith(`${family}, `)),
          );
          if (own.length === 0) throw new Error(`${file} ran no test "${family}" of "${suite}"`);
          const cases = new Set(
            keys(family).flatMap((key) =>
              collectCases(fixtures, {
                families: [family],
                variants: ['model.onnx'],
                ...(key === undefined ? {} : { key }),
              }).cases.map((each) => each.key),
            ),
          );
          return [family, { passed: own.every(({ status }) => status === 'passed'), cases: cases.size }];
        }),
      ),
    };
  });
}

function ended(command, parameters, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

function installed(folder, name) {
  return JSON.parse(readFileSync(join(root, folder, 'node_modules', ...name.split('/'), 'package.json'), 'utf8'))
    .version;
}

function rounded(families) {
  return Object.fromEntries(
    Object.entries(families).map(([family, errors]) => [
      family,
      Object.fromEntries(Object.entries(errors).map(([what, error]) => [what, Number(error.toPrecision(2))])),
    ]),
  );
}

/** What fits on a line stands on one: a number that changes is a line that changes. */
function json(value, indent = '') {
  const line = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || (indent !== '' && line.length <= 160)) return line;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const parts = Object.entries(value).map(
    ([key, each]) => `${indent}  ${Array.isArray(value) ? '' : `${JSON.stringify(key)}: `}${json(each, `${indent}  `)}`,
  );
  return `${open}\n${parts.join(',\n')}\n${indent}${close}${indent === '' ? '\n' : ''}`;
}
