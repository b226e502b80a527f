#!/usr/bin/env node
// Who may import whom. The lists below are the only place where it is written; `--write` makes the rules of oxlint
// (.oxlintrc.json, `no-restricted-imports`) and of turbo (turbo.json, `boundaries`) from them. Part of `npm run lint`:
// fails when those rules are not these, or when turbo finds a package that depends on one above it. `--open` prints
// what the sources import against the order of their folders.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { root, tracked } from './lib.mjs';

const below = (...names) => [...new Set(names.flatMap((name) => [name, ...PACKAGES[name]]))];

/** Of each package those that its sources may import. */
const PACKAGES = { core: [], graph: [], 'conformance-fixtures': [] };
PACKAGES.compiler = below('core', 'graph');
PACKAGES.tasks = below('core');
PACKAGES.hub = below('core');
PACKAGES.conformance = below('core');
PACKAGES.runtime = below('core', 'graph', 'compiler');
// For the download of a model by its address.
PACKAGES.onnxruntime = below('runtime', 'hub');
PACKAGES.tfjs = below('runtime');
PACKAGES.transformers = below('runtime', 'onnxruntime', 'tasks', 'hub');
PACKAGES.cli = below('transformers', 'conformance').filter((name) => name !== 'transformers');
PACKAGES.lab = below('cli');

/**
 * What tests of a package import beside that: turbo counts devDependencies, and does not tell sources from tests. Those
 * marked as open are to move to a package of their own.
 */
const IN_TESTS = {
  onnxruntime: ['conformance', 'tasks'],
  transformers: ['conformance'],
  // Open: the tests of agreement between runtimes.
  tfjs: ['conformance', 'tasks', 'onnxruntime', 'hub'],
  // Open: the tests that run the suite on the reference.
  conformance: ['compiler', 'graph', 'runtime'],
};

/** What a package imports when it runs, if it is installed: `import()` only. */
const AT_RUN_TIME = { cli: ['tfjs', 'conformance-fixtures', 'lab'] };

/** Files and no code: any test may read them. */
const DATA = 'conformance-fixtures';

/** Folders and files of a package, lowest first: each imports from those in front of it. */
const FOLDERS = {
  core: ['errors', 'values', 'text', 'model', 'math', 'metrics', 'files', 'training', 'adapter-folder', 'analysis'],
  graph: ['errors', 'tensors', 'shapes', 'ir', 'format', 'builder', 'operators', 'reference'],
  compiler: [
    'forms',
    'families',
    'sites',
    'adapters',
    'heads',
    'model',
    'gradients',
    'merge',
    'serving',
    'peft',
    'passes',
  ],
  hub: ['files', 'download', 'storage', 'hub'],
  runtime: ['executor', 'devices', 'activations', 'session', 'serving', 'reference'],
};

/** What goes against that order today: a folder, and those that it imports from above. */
const OPEN = {};

/** Files in cycles of types, which are to be undone; cycles of values are errors in them too. */
const OPEN_CYCLES = [];

/** What the root installs for tests of all packages. */
const IMPLICIT = ['vitest', 'fast-check', 'typescript', 'vite', 'playwright'];
const SCOPE = '@hadamard-adapter';

const restricted = (regexes) => ({
  'no-restricted-imports': ['error', { patterns: regexes.map(([regex, message]) => ({ regex, message })) }],
});

function packagePatterns(name) {
  const known = new Set([name, ...PACKAGES[name], ...(AT_RUN_TIME[name] ?? [])]);
  const above = Object.keys(PACKAGES).filter((other) => !known.has(other));
  if (above.length === 0) return [];
  return [[`^${SCOPE}/(${above.join('|')})(/|$)`, `Sources of ${name} import none of these: see tooling/layers.mjs.`]];
}

/** Overrides of oxlint: for files under several, the last one holds. */
function overrides() {
  const cycles = { files: OPEN_CYCLES, rules: { 'import/no-cycle': ['error', { ignoreTypes: true }] } };
  const layers = Object.keys(PACKAGES).flatMap((name) => {
    const own = packagePatterns(name);
    const folders = FOLDERS[name] ?? [];
    return [
      ...(own.length === 0 ? [] : [{ files: [`packages/${name}/src/**`], rules: restricted(own) }]),
      ...folders.flatMap((folder, i) => {
        const above = folders.slice(i + 1).filter((other) => !(OPEN[name]?.[folder] ?? []).includes(other));
        if (above.length === 0) return [];
        const message = `${folder} stands below these: see tooling/layers.mjs.`;
        const files = [`packages/${name}/src/${folder}.ts`, `packages/${name}/src/${folder}/**`];
        return [
          { files, rules: restricted([...own, [`^\\.{1,2}/(\\.\\./)*(${above.join('|')})(/|\\.js$)`, message]]) },
        ];
      }),
    ];
  });
  return [cycles, ...layers];
}

/** Rules of turbo, by tag; every package has its name as a tag. */
function boundaries() {
  const tags = Object.entries(PACKAGES).map(([name, allowed]) => [
    name,
    {
      dependencies: {
        allow: [
          ...new Set([
            ...allowed,
            ...(IN_TESTS[name] ?? []),
            ...(AT_RUN_TIME[name] ?? []),
            ...(name === DATA ? [] : [DATA]),
          ]),
        ],
      },
    },
  ]);
  return { implicitDependencies: IMPLICIT, tags: Object.fromEntries(tags) };
}

/** What sources import against the order of their folders, as `package: folder → folder`, with the files. */
function upward() {
  const found = new Map();
  for (const [name, folders] of Object.entries(FOLDERS)) {
    for (const file of tracked(`packages/${name}/src/*.ts`)) {
      const path = file.split('/').slice(3);
      const from = folders.indexOf(path[0].replace(/\.ts$/, ''));
      if (from === -1) continue;
      for (const { 1: target } of readFileSync(join(root, file), 'utf8').matchAll(/from '(\.{1,2}\/[^']*)'/g)) {
        const [first] = join(...path.slice(0, -1), target).split('/');
        const to = folders.indexOf(first.replace(/\.js$/, ''));
        if (to <= from) continue;
        const arrow = `${name}: ${folders[from]} → ${folders[to]}`;
        found.set(arrow, [...(found.get(arrow) ?? []), `${file} imports ${target}`]);
      }
    }
  }
  return found;
}

/** Rules and tags as they should stand, by file. */
function wanted() {
  const configs = { '.oxlintrc.json': read('.oxlintrc.json'), 'turbo.json': read('turbo.json') };
  const oxlint = configs['.oxlintrc.json'];
  const isOurs = ({ rules }) => 'no-restricted-imports' in rules || 'import/no-cycle' in rules;
  oxlint.rules['import/no-cycle'] = ['error', { ignoreTypes: false }];
  oxlint.overrides = [...oxlint.overrides.filter((each) => !isOurs(each)), ...overrides()];
  configs['turbo.json'].boundaries = boundaries();
  for (const name of Object.keys(PACKAGES).filter((each) => existsSync(join(root, 'packages', each)))) {
    const file = `packages/${name}/turbo.json`;
    configs[file] = { extends: ['//'], ...(existsSync(join(root, file)) ? read(file) : {}), tags: [name] };
  }
  return configs;
}

const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));

/**
 * What a package depends on by its own manifest and those of what it depends on. Turbo adds what the root of the
 * repository installs (the lab, TensorFlow.js, fixtures), which no package depends on.
 */
function reachOf(name, found = new Set()) {
  const { dependencies, devDependencies, peerDependencies } = read(`packages/${name}/package.json`);
  for (const dependency of Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })) {
    const [scope, short] = dependency.split('/');
    if (scope !== SCOPE || found.has(short)) continue;
    found.add(short);
    reachOf(short, found);
  }
  return found;
}

/** `Package A found without any tag listed in allowlist for B`, where it is the root that brings A. */
function isOfRoot(issue) {
  const [found, owner] = [...issue.matchAll(/`@hadamard-adapter\/([\w-]+)`/g)].map(([, name]) => name);
  return owner !== undefined && /without any tag/.test(issue) && !reachOf(owner).has(found);
}

/**
 * What turbo finds, without what the root brings, and without files outside of packages that several share: helpers of
 * tests, the base of builds.
 */
function turboIssues() {
  const { stdout, stderr, status } = spawnSync('npx', ['turbo', 'boundaries', '--no-color'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
    shell: process.platform === 'win32',
  });
  const output = `${stdout}${stderr}`;
  if (!/Checked \d+ files/.test(output)) return [`turbo boundaries ended with ${status}: ${output}`];
  const issues = output.split(/^(?= +[x×] )/m).slice(1);
  return issues
    .filter((issue) => !/leaves[\s|]+the package/.test(issue) && !isOfRoot(issue))
    .map((issue) => issue.trimEnd());
}

const { values } = parseArgs({ options: { write: { type: 'boolean' }, open: { type: 'boolean' } } });
const failures = [];
for (const name of readdirSync(join(root, 'packages')))
  if (!(name in PACKAGES)) failures.push(`packages/${name} has no place in tooling/layers.mjs`);
const configs = wanted();
if (values.write)
  for (const [file, config] of Object.entries(configs))
    writeFileSync(join(root, file), `${JSON.stringify(config, undefined, 2)}\n`);
else
  for (const [file, config] of Object.entries(configs))
    if (!existsSync(join(root, file)) || !isDeepStrictEqual(read(file), config))
      failures.push(`${file} does not say what tooling/layers.mjs says: node tooling/layers.mjs --write && npx oxfmt`);
const found = upward();
if (values.open) for (const [arrow, files] of found) console.log([arrow, ...files].join('\n  '));
failures.push(...turboIssues());
console.log(`Layers: ${Object.keys(PACKAGES).length} packages; ${found.size} arrows between folders still point up.`);
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exitCode = 1;
}
