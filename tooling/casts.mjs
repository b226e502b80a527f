#!/usr/bin/env node
// Counts type assertions in the sources of the packages: `value as T`, `<T>value` and `value!`. `as const`, `satisfies`
// and renamed imports assert nothing. A total for each package; `--files` adds the files, a package's name lists its
// assertions. `--check` fails when there are more than LIMIT.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import { root, tracked } from './lib.mjs';

const GENERATED = 'packages/graph/src/format/read/onnx_pb.ts';
/** As many as there are: whoever removes some lowers it. */
const LIMIT = 119;

/** Of each assertion in a file, the line, from 1, and its text. */
function assertions(file) {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    const asserts =
      ts.isNonNullExpression(node) ||
      ts.isTypeAssertionExpression(node) ||
      (ts.isAsExpression(node) && node.type.getText(source) !== 'const');
    if (asserts) {
      const { line } = source.getLineAndCharacterOfPosition(node.expression.end);
      found.push({ line: line + 1, text: node.getText(source).replaceAll(/\s+/g, ' ') });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const { values, positionals } = parseArgs({
  options: { files: { type: 'boolean' }, check: { type: 'boolean' } },
  allowPositionals: true,
});
const byPackage = new Map();
for (const file of tracked('packages/*/src/*.ts')) {
  const name = file.split('/')[1];
  const found = file === GENERATED ? [] : assertions(file);
  byPackage.set(name, [...(byPackage.get(name) ?? []), { file, found }]);
}

let total = 0;
for (const [name, files] of byPackage) {
  const count = files.reduce((sum, { found }) => sum + found.length, 0);
  total += count;
  if (values.check) continue;
  console.log(`${String(count).padStart(5)}  ${name}`);
  if (values.files)
    for (const { file, found } of files.toSorted((one, other) => other.found.length - one.found.length))
      if (found.length > 0) console.log(`${String(found.length).padStart(9)}  ${file}`);
  if (positionals.includes(name))
    for (const { file, found } of files)
      for (const { line, text } of found) console.log(`         ${file}:${line}: ${text}`);
}
console.log(`Type assertions: ${total}; at most ${LIMIT} are allowed.`);
if (values.check && total > LIMIT) {
  console.error('New ones stand in: node tooling/casts.mjs --files');
  process.exitCode = 1;
}
