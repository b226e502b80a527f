#!/usr/bin/env node
// What each public entry point adds to a bundle: everything it brings, minified, without peers. `--check` compares with
// sizes.json, `--write` makes it anew. Needs a build.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { root } from './lib.mjs';

/** Of `@hadamard-adapter/core`, in bytes after gzip: its README promises as much. */
const CORE_LIMIT = 20_000;
/** A library's new version or a fix costs some; what costs more should be noticed by who wrote it. */
const GROWTH = 1.1;
/** They are run, not imported into a bundle: tooling/install-size.mjs says what they weigh. */
const PROGRAMS = new Set(['@hadamard-adapter/cli', '@hadamard-adapter/lab']);

const { values } = parseArgs({ options: { check: { type: 'boolean' }, write: { type: 'boolean' } } });
const recordFile = join(import.meta.dirname, 'sizes.json');
// The bundler that Vite brings: no second one has to be installed, and it is what most bundles of users are made with.
const { rolldown } = createRequire(import.meta.resolve('vite'))('rolldown');

const folders = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
const manifests = folders.map((folder) => ({
  folder,
  ...JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
}));
const peers = [...new Set(manifests.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies)))];

const entries = manifests
  .filter(({ name }) => !PROGRAMS.has(name))
  .flatMap(({ folder, name, exports }) =>
    Object.entries(exports).flatMap(([subpath, { default: file }]) =>
      file === undefined || subpath === './internal' ? [] : [{ name: join(name, subpath), file: join(folder, file) }],
    ),
  );

const sizes = {};
for (const { name, file } of entries) sizes[name] = await measure(file);

console.log(table(sizes));
if (values.write) {
  writeFileSync(recordFile, `${JSON.stringify(sizes, undefined, 2)}\n`);
  console.log('\nwrote tooling/sizes.json');
}
if (values.check) {
  const complaints = check(sizes, JSON.parse(readFileSync(recordFile, 'utf8')));
  for (const complaint of complaints) console.error(complaint);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}

/** Bytes of one bundle with everything that the file exports. */
async function measure(file) {
  const bundle = await rolldown({
    input: file,
    platform: 'browser',
    external: (id) => isBuiltin(id) || peers.some((peer) => id === peer || id.startsWith(`${peer}/`)),
    logLevel: 'silent',
  });
  // What an application's build ends with: Vite drops comments as well.
  const { output } = await bundle.generate({ format: 'esm', minify: true, comments: false, codeSplitting: false });
  await bundle.close();
  const code = output.map((chunk) => chunk.code ?? '').join('');
  return { minified: Buffer.byteLength(code), gzip: gzipSync(code).length };
}

function check(now, recorded) {
  const core = now['@hadamard-adapter/core'].gzip;
  const complaints =
    core > CORE_LIMIT
      ? [
          `@hadamard-adapter/core takes ${kB(core)} gzip; it may take ${kB(CORE_LIMIT)}. Move what few need to ` +
            'an entry of its own.',
        ]
      : [];
  for (const [name, { gzip }] of Object.entries(now)) {
    const before = recorded[name]?.gzip;
    if (before === undefined) complaints.push(`${name} is not in tooling/sizes.json: node tooling/sizes.mjs --write`);
    else if (gzip > before * GROWTH)
      complaints.push(
        `${name} grew from ${kB(before)} to ${kB(gzip)} gzip. If that is what it takes: node tooling/sizes.mjs --write`,
      );
  }
  return [
    ...complaints,
    ...Object.keys(recorded)
      .filter((name) => now[name] === undefined)
      .map((name) => `${name} is in tooling/sizes.json and no entry any more: node tooling/sizes.mjs --write`),
  ];
}

/** For people in a terminal, and for the README. */
function table(rows) {
  const lines = Object.entries(rows).map(
    ([name, { minified, gzip }]) => `| \`${name}\` | ${kB(minified)} | ${kB(gzip)} |`,
  );
  return ['| entry, with all it brings but peers | minified | gzip |', '| --- | --- | --- |', ...lines].join('\n');
}

function kB(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
