#!/usr/bin/env node
// What users install: every package is packed and installed with npm into an empty folder by the line of its README,
// where its examples run as scripts; an application is built from the same tarballs with Vite and trains in Chromium.
// `--only core,app` does some of it. Needs a build, and the registry of npm for what the packages depend on.
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requireNode, seconds } from './lib.mjs';
import { application } from './pack/app.mjs';
import { fileProblems } from './pack/files.mjs';
import { install, packAll, registryTrouble } from './pack/install.mjs';
import { examplesOf, installLine, packagesIn } from './pack/readme.mjs';
import { commandProblems, entryProblems, exampleProblems } from './pack/run.mjs';
import { endAll } from './pack/shell.mjs';
import { describeSize, installedSize, sizeProblems } from './pack/size.mjs';
import { typeProblems } from './pack/types.mjs';

requireNode();

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');
/** Packages whose installation is measured; that of the command line has a limit. */
const WEIGHED = new Set(['cli', 'lab', 'conformance-fixtures']);
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'hadamard-pack-')));
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    cleanUp();
    process.exit(code);
  });
}

try {
  process.exitCode = await main();
} finally {
  cleanUp();
}

async function main() {
  const trouble = await registryTrouble(scratch);
  if (trouble !== undefined) {
    console.log(`skipped: ${trouble}`);
    return 0;
  }
  const packages = await packAll(scratch);
  const work = [
    ...packages.map((each) => ({
      name: each.name,
      short: each.short,
      tarball: each.tarball,
      check: (folder) => checkPackage(folder, each, packages),
    })),
    {
      name: 'a Vite application, in Chromium',
      short: 'app',
      check: async (folder) => ({ added: await application(folder, packages), what: 'trains on WASM' }),
    },
  ].filter(({ short }) => only === undefined || only.includes(short));
  // The longest first, two at a time: while one waits for the disk, the other computes.
  const order = ['transformers', 'lab', 'cli', 'tfjs', 'onnxruntime', 'app'];
  const queue = work.toSorted((a, b) => rank(order, a.short) - rank(order, b.short));
  const results = new Map();
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        results.set(next.name, await attempt(next));
    }),
  );
  return report(work.map(({ name, tarball }) => ({ name, tarball, ...results.get(name) })));
}

async function attempt({ short, check }) {
  const started = performance.now();
  const folder = join(scratch, short);
  try {
    return { problems: [], ...(await check(folder)), took: seconds(started) };
  } catch (error) {
    return { problems: [error.message], took: seconds(started) };
  } finally {
    // Half a gigabyte each.
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkPackage(folder, each, packages) {
  const named = installLine(each.readme);
  const examples = examplesOf(each.readme);
  const needed = packagesIn(examples.map(({ code }) => code).join('\n'));
  const missing = needed.imported.filter((name) => !named.includes(name));
  const problems = missing.map((name) => `the README's npm install does not name ${name}, which its example imports`);
  // The base model of the examples: where it comes from they say.
  const added = await install(folder, [...new Set([...named, ...needed.opened])], packages);
  const size = WEIGHED.has(each.short) ? installedSize(folder) : undefined;
  if (each.short === 'cli') problems.push(...sizeProblems(size));
  const entries = Object.entries(each.manifest.exports).flatMap(([path, target]) =>
    typeof target === 'string' ? [] : [`${each.name}${path.slice(1)}`],
  );
  problems.push(
    ...fileProblems(join(folder, 'node_modules', each.name)),
    ...typeProblems(folder, each, entries),
    ...(await entryProblems(folder, each, entries)),
  );
  if (missing.length === 0) problems.push(...(await exampleProblems(folder, each)));
  if (each.manifest.bin !== undefined) problems.push(...(await commandProblems(folder, each)));
  if (examples.length === 0 && each.manifest.bin === undefined) problems.push('the README has no example');
  return {
    problems,
    added,
    size,
    what:
      each.manifest.bin === undefined
        ? `${entries.length} entries, ${examples.length} examples`
        : "commands on data of one's own",
  };
}

function report(rows) {
  console.log(['', 'tarball', 'npm adds', 'took'].map((cell, i) => cell.padEnd([34, 10, 10, 0][i])).join(''));
  for (const { name, tarball, added, took, what, problems } of rows) {
    const size = tarball === undefined ? '' : `${(statSync(tarball).size / 1000).toFixed(0)} kB`;
    console.log(
      `${name.padEnd(34)}${size.padEnd(10)}${`${added ?? ''}`.padEnd(10)}${took.padEnd(8)} ` +
        `${problems.length === 0 ? what : `${problems.length} problems`}`,
    );
  }
  for (const { name, size } of rows) if (size !== undefined) console.log(`${name} installed: ${describeSize(size)}`);
  const broken = rows.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
  for (const line of broken) console.error(line);
  return broken.length === 0 ? 0 : 1;
}

function cleanUp() {
  endAll();
  rmSync(scratch, { recursive: true, force: true });
}

function rank(order, name) {
  return order.includes(name) ? order.indexOf(name) : order.length;
}
