#!/usr/bin/env node
// Fails on tracked lines wider than 120 columns, except where what makes the line wide cannot be broken apart; `--list`
// prints those with the reason. oxfmt lays code out; what it leaves wide is looked at here.
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import { root, tracked } from './lib.mjs';

const WIDTH = 120;
/** Beside a literal without a space, a line has this much room for the rest. */
const REST = 60;
const GENERATED = [
  'packages/graph/src/format/read/onnx_pb.ts',
  'pnpm-lock.yaml',
  'packages/conformance-fixtures/fixtures/',
  'packages/cli/assets/mini-bert/',
  'apps/docs/data/',
];

const width = (text) => [...text].length;
const unbroken = (text) => !/\s/.test(text.trim());

/** Why each line of a script may be wide, by line number from 0. */
function scriptReasons(text, fileName) {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const reasons = new Map();
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line;
  const visit = (node) => {
    const start = lineOf(node.getStart(source));
    const end = lineOf(node.end);
    const template = ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node);
    if (template && end > start) {
      for (let line = start; line <= end; line++) reasons.set(line, 'a template that spans lines');
    } else if (template || ts.isStringLiteral(node) || ts.isRegularExpressionLiteral(node)) {
      const room = width(source.text.split('\n')[start]) - width(node.getText(source));
      if (ts.isRegularExpressionLiteral(node)) reasons.set(start, 'a regular expression');
      else if (!ts.isTemplateExpression(node) && unbroken(node.text) && room <= REST) {
        reasons.set(start, 'a string without a space');
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return reasons;
}

function vueReasons(text, fileName) {
  const reasons = new Map();
  for (const { 1: script, index } of text.matchAll(/<script[^>]*>\n([\s\S]*?)<\/script>/g)) {
    const first = text.slice(0, index).split('\n').length;
    for (const [line, reason] of scriptReasons(script, `${fileName}.ts`)) reasons.set(first + line, reason);
  }
  return reasons;
}

function markdownReasons(text) {
  const reasons = new Map();
  let within;
  for (const [index, line] of text.split('\n').entries()) {
    const mark = /^\s*(?:[-*>]\s+|\d+\.\s+)*(`{3,}|~{3,}|\$\$)/.exec(line)?.[1];
    const inside = within !== undefined;
    if (mark !== undefined && (within === undefined || mark.startsWith(within))) within = inside ? undefined : mark;
    if (mark === '$$' || within === '$$') reasons.set(index, 'math');
    else if (inside || within !== undefined) reasons.set(index, 'a fenced line');
    else if (/^\s*(?:>\s*)*\|/.test(line)) reasons.set(index, 'a table row');
    else if (/^#+ /.test(line)) reasons.set(index, 'a heading');
    else if (/\$[^$]{60,}\$/.test(line)) reasons.set(index, 'math');
    else if (/!?\[[^\]]*\]\([^)]*\)/.test(line)) {
      const [link] = line.match(/!?\[[^\]]*\]\([^)]*\)/g).toSorted((one, other) => other.length - one.length);
      if (width(line) - width(link) <= REST) reasons.set(index, 'a link');
    } else if (line.split(/\s+/).some((word) => width(line) - width(word) <= REST)) reasons.set(index, 'a word');
  }
  return reasons;
}

/** JSON has no way to break a string, YAML none to break one without spaces. */
function dataReasons(text, isWide) {
  const reasons = new Map();
  for (const [index, line] of text.split('\n').entries()) if (isWide(line)) reasons.set(index, 'a string');
  return reasons;
}

const KINDS = {
  '.ts': scriptReasons,
  '.mts': scriptReasons,
  '.js': scriptReasons,
  '.mjs': scriptReasons,
  '.vue': vueReasons,
  '.md': markdownReasons,
  '.json': (text) => dataReasons(text, (line) => /^\s*("[^"]*": )?"(\\.|[^"\\])*",?$/.test(line)),
  '.yaml': (text) => dataReasons(text, (line) => unbroken(line.replace(/^\s*(- )?([\w-]+: )?/, ''))),
  '.yml': (text) => KINDS['.yaml'](text),
};

const { values } = parseArgs({ options: { list: { type: 'boolean' } } });
const excepted = [];
const failed = [];
for (const file of tracked()) {
  const reasonsOf = KINDS[extname(file)];
  if (reasonsOf === undefined || GENERATED.some((start) => file.startsWith(start))) continue;
  const text = readFileSync(join(root, file), 'utf8');
  const lines = text.split('\n');
  if (lines.every((line) => width(line) <= WIDTH)) continue;
  const reasons = reasonsOf(text, file);
  for (const [index, line] of lines.entries()) {
    if (width(line) <= WIDTH) continue;
    const place = `${file}:${index + 1}`;
    if (reasons.has(index)) excepted.push(`${place}: ${width(line)}, ${reasons.get(index)}`);
    else failed.push(`${place}: ${width(line)}`);
  }
}
if (values.list) console.log(excepted.join('\n'));
console.log(`Lines wider than ${WIDTH} columns: ${failed.length}; ${excepted.length} more cannot be broken apart.`);
if (failed.length > 0) {
  console.error(failed.join('\n'));
  process.exitCode = 1;
}
