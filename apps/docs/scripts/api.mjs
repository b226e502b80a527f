#!/usr/bin/env node
// Writes the API reference, one page for each entry point of the packages, from their docstrings: apps/docs/api/*.md.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, ReflectionKind } from 'typedoc';

const root = join(import.meta.dirname, '../../..');
const out = join(import.meta.dirname, '../api');

/**
 * Entry points by the name under which they are imported, without the scope: `core`, `core/analysis`. A worker exports
 * nothing, and what packages of this project tell each other is not for others.
 */
function entryPoints() {
  return Object.fromEntries(
    readdirSync(join(root, 'packages'))
      .toSorted()
      .flatMap((name) => {
        const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
        return Object.keys(exports)
          .filter((path) => !['./package.json', './worker', './internal'].includes(path))
          .map((path) => [
            join(name, path),
            join(root, 'packages', name, 'src', path === '.' ? 'index.ts' : `${path}.ts`),
          ])
          .filter(([, file]) => existsSync(file));
      }),
  );
}

const entries = entryPoints();

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: Object.values(entries),
  tsconfig: join(import.meta.dirname, '../tsconfig.api.json'),
  skipErrorChecking: true,
  logLevel: 'Error',
  readme: 'none',
  disableSources: true,
  excludeExternals: true,
  excludeInternal: true,
  disableGit: true,
  sort: ['kind', 'source-order'],
  groupOrder: ['Functions', 'Variables', '*'],
  outputs: [{ name: 'markdown', path: out }],
  // Of typedoc-plugin-markdown.
  outputFileStrategy: 'modules',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  expandObjects: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  indexFormat: 'table',
});
const project = await app.convert();
if (project === undefined) process.exit(1);
for (const module of project.children ?? []) {
  // `core/src`, `core/src/analysis`
  const name = module.name.replace(/\/src(?=\/|$)/, '');
  if (entries[name] === undefined) throw new Error(`${module.name} is no entry point`);
  module.name = name;
}
// An argument that is taken apart has no name of its own.
for (const parameter of project.getReflectionsByKind(ReflectionKind.Parameter))
  if (parameter.name.startsWith('__namedParameters')) parameter.name = 'options';
rmSync(out, { recursive: true, force: true });
await app.generateOutputs(project);

// Pages are titled by what is imported.
for (const name of Object.keys(entries)) {
  const page = join(out, `${name}.md`);
  writeFileSync(page, readFileSync(page, 'utf8').replace(/^# .*$/m, `# @hadamard-adapter/${name}`));
}
const rows = Object.keys(entries).map(
  (name) => `| [\`@hadamard-adapter/${name}\`](./${name}.md) | ${descriptionOf(name)} |`,
);
writeFileSync(
  join(out, 'index.md'),
  '# API\n\nWhat the packages export, from the docstrings in their sources: shapes, units, errors. ' +
    `Codes of errors lead to [troubleshooting](../troubleshooting/).\n\n` +
    `| import | |\n| --- | --- |\n${rows.join('\n')}\n`,
);

/** The package's own sentence, for its main entry; of another entry what it adds. */
function descriptionOf(name) {
  const others = {
    'conformance/node': 'fixtures from the file system',
    'core/analysis': 'what trained adapters look like: redundant layers, patterns, predictors',
    'core/driver': 'what a runtime brings to be tested by the conformance suite',
    'core/folder': 'adapter folders: configuration, tensors, model card',
    'hub/node': 'downloads into files and into the cache of Hugging Face, atomic writes',
    'lab/commands': 'what it adds to `hadamard`',
    'onnxruntime/conformance': 'its driver for the conformance suite',
    'onnxruntime/web': "the browser's side, with workers",
    'tfjs/conformance': 'its driver for the conformance suite',
    'tfjs/keras': 'adapters in Keras models of your own',
  };
  return others[name] ?? JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')).description;
}
