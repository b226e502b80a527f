#!/usr/bin/env node
// What each package exports, with its types, in packages/NAME/api.md: a change of the public surface shows in a diff.
// `--write` makes these files anew, otherwise they are compared with the build. Entries for this project's own packages
// are left out. Needs a build.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import { root } from './lib.mjs';

const OWN_ENTRIES = new Set(['./internal', './worker', './package.json']);

/** Declaration files of the public entries of a package, by the name under which they are imported. */
function entriesOf(folder) {
  const { name, exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(exports).flatMap(([path, target]) =>
    OWN_ENTRIES.has(path) || target.types === undefined
      ? []
      : [{ name: join(name, path), file: join(folder, target.types) }],
  );
}

/** A declaration without comments; of a constant the type only. */
function declarationText(declaration) {
  const source = declaration.getSourceFile();
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return printer
    .printNode(ts.EmitHint.Unspecified, node, source)
    .replaceAll(/\b(export|declare) /g, '')
    .replaceAll(/\s*\/\*\*[\s\S]*?\*\//g, '')
    .trim();
}

/** Every export of an entry, by name. Those of other packages are named only. */
function exportsOf({ file }, folder) {
  const source = program.getSourceFile(file);
  const module = checker.getSymbolAtLocation(source);
  // A file that exports nothing is no module.
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const own = (target.declarations ?? []).filter((each) => each.getSourceFile().fileName.startsWith(folder));
      const texts = [...new Set(own.map(declarationText))];
      return {
        name: symbol.name,
        text: texts.length === 0 ? `// ${symbol.name}, of another package` : texts.join('\n'),
      };
    })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

const { values } = parseArgs({ options: { write: { type: 'boolean' } } });
const folders = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
const packages = folders
  .map((folder) => ({ folder, entries: entriesOf(folder) }))
  .filter((each) => each.entries.length > 0);
const files = packages.flatMap(({ entries }) => entries.map(({ file }) => file));
const missing = files.filter((file) => !existsSync(file));
if (missing.length > 0) {
  console.error(`Build first: there is no ${missing.join(', ')}`);
  process.exit(1);
}
const program = ts.createProgram(files, {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  skipLibCheck: true,
  types: [],
});
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

let total = 0;
for (const { folder, entries } of packages) {
  const sections = [];
  let count = 0;
  for (const entry of entries) {
    const found = exportsOf(entry, folder);
    count += found.length;
    const texts = found.map(({ text }) => text).join('\n\n');
    if (found.length > 0) sections.push(`## ${entry.name}\n\n${found.length} exports.\n\n\`\`\`ts\n${texts}\n\`\`\`\n`);
  }
  total += count;
  const name = folder.slice(join(root, 'packages').length + 1);
  const text = `# What ${name} exports\n\nWritten by \`node tooling/api.mjs --write\`.\n\n${sections.join('\n')}`;
  const file = join(folder, 'api.md');
  if (values.write) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`packages/${name}/api.md is not what the package exports: node tooling/api.mjs --write`);
    process.exitCode = 1;
  }
  console.log(`${String(count).padStart(5)}  ${name}`);
}
console.log(`Public exports: ${total}`);
