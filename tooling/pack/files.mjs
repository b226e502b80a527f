import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { root } from '../lib.mjs';
import { packageOf } from './readme.mjs';

const NOT_FOR_USERS = /(^|\/)(tests?|src|node_modules|\.turbo)\/|\.(test|spec)\.|\.tsbuildinfo$|(^|\/)tsconfig/;

/**
 * What is wrong with the files of an installed package: those that are missing, those that nobody needs, and imports
 * that lead nowhere.
 */
export function fileProblems(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  const problems = files.filter((name) => NOT_FOR_USERS.test(name)).map((name) => `${name} is not for users`);
  for (const name of ['LICENSE', 'README.md']) if (!files.includes(name)) problems.push(`${name} is missing`);
  if (
    files.includes('LICENSE') &&
    readFileSync(join(folder, 'LICENSE'), 'utf8') !== readFileSync(join(root, 'LICENSE'), 'utf8')
  )
    problems.push('LICENSE is not that of the repository');
  return [
    ...problems,
    ...manifestProblems(manifest),
    ...importProblems(folder, files, manifest),
    ...files.flatMap((name) => mapProblems(folder, name)),
  ];
}

function manifestProblems({ scripts = {}, dependencies, peerDependencies, license }) {
  const problems = ['preinstall', 'install', 'postinstall', 'prepare']
    .filter((name) => name in scripts)
    .map((name) => `the script ${name} would run on the machines of users`);
  for (const [name, range] of Object.entries({ ...dependencies, ...peerDependencies }))
    if (/^(workspace|catalog|link|file):/.test(range))
      problems.push(`${name} is asked for as ${range}, which means nothing to npm`);
  return license === 'Apache-2.0' ? problems : [...problems, `the licence is ${license}`];
}

function importProblems(folder, files, { name: self, dependencies = {}, peerDependencies = {} }) {
  /** Whether a dependency is there for another one, which has it as a peer. */
  const isPeer = (name) =>
    Object.keys(dependencies).some((other) => {
      const path = join(installedAt(folder, self), other, 'package.json');
      return existsSync(path) && name in (JSON.parse(readFileSync(path, 'utf8')).peerDependencies ?? {});
    });
  const declared = { ...dependencies, ...peerDependencies };
  const problems = [];
  const used = new Set();
  for (const file of files.filter((name) => /\.js$|\.d\.ts$/.test(name))) {
    for (const specifier of importsOf(join(folder, file))) {
      if (specifier.startsWith('.')) {
        if (!isThere(join(folder, dirname(file), specifier)))
          problems.push(`${file} imports ${specifier}, which is not in the package`);
      } else if (!isBuiltin(specifier)) {
        const name = packageOf(specifier);
        used.add(name);
        if (!(name in declared) && name !== self)
          problems.push(`${file} imports ${name}, which package.json does not declare`);
      }
    }
  }
  return [
    ...problems,
    ...Object.keys(dependencies)
      .filter((name) => !used.has(name) && !isPeer(name))
      .map((name) => `${name} is a dependency that nothing imports`),
  ];
}

/** The node_modules folder that a package lies in. */
function installedAt(folder, name) {
  return join(folder, ...name.split('/').map(() => '..'));
}

/** Types beside code: `./a.js` of a declaration is `./a.d.ts`. */
function isThere(path) {
  return existsSync(path) || existsSync(path.replace(/\.js$/, '.d.ts'));
}

/** What a file imports: statically, dynamically, as a type, or by address as workers are. */
function importsOf(path) {
  const found = [];
  const visit = (node) => {
    const [first] = node.arguments ?? [];
    let specifier;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) specifier = first;
    else if (ts.isImportTypeNode(node)) specifier = node.argument.literal;
    else if (
      ts.isNewExpression(node) &&
      node.expression.getText() === 'URL' &&
      node.arguments?.[1]?.getText() === 'import.meta.url'
    )
      specifier = first;
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) found.push(specifier.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}

/** Debuggers complain about maps that are not there, or that lead to sources that are not. */
function mapProblems(folder, file) {
  const path = join(folder, file);
  if (/\.(m?js|d\.ts)$/.test(file)) {
    const [, target] = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(path, 'utf8')) ?? [];
    return target === undefined || target.startsWith('data:') || existsSync(join(dirname(path), target))
      ? []
      : [`${file} points to ${target}, which is not in the package`];
  }
  if (!file.endsWith('.map')) return [];
  const { sources, sourcesContent = [] } = JSON.parse(readFileSync(path, 'utf8'));
  return sources
    .filter((source, i) => typeof sourcesContent[i] !== 'string' && !existsSync(join(dirname(path), source)))
    .map((source) => `${file} points to ${relative(folder, join(dirname(path), source))}, which is not in the package`);
}
