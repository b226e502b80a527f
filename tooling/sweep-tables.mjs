#!/usr/bin/env node
// The results of a sweep as the Markdown table of sweeps/README.md: a row for each method and setting, a column for
// each task. `node tooling/sweep-tables.mjs sweeps/methods.yaml`; needs a build. What follows the file goes to
// `hadamard sweep`.
import { join } from 'node:path';
import { root, run } from './lib.mjs';

const [file, ...flags] = process.argv.slice(2);
const { code, output } = await run(process.execPath, [
  join(root, 'packages/cli/dist/bin.js'),
  'sweep',
  file,
  '--show',
  '--json',
  ...flags,
]);
if (code !== 0) {
  console.error(output);
  process.exit(code);
}
const { settings } = JSON.parse(output.trim().split('\n').at(-1));

// What no run of has finished has no metric yet.
const tasks = [...new Set(settings.map(({ task }) => task))].map((task) => [
  task,
  settings.find((entry) => entry.task === task && entry.metric !== '')?.metric ?? '',
]);
const rows = new Map();
for (const entry of settings) {
  const name = [entry.method, ...Object.entries(entry.shown).map(([key, value]) => `${key} ${value}`)].join(', ');
  const row = rows.get(name) ?? { cells: new Map() };
  rows.set(name, row);
  if (entry.score === undefined || entry.score.n === 0) continue;
  Object.assign(row, { trainable: entry.trainable, share: entry.share });
  row.cells.set(entry.task, entry);
}

const distance = settings.some(({ closed }) => closed !== undefined);
console.log(
  line([
    'method',
    'trained',
    'share',
    ...tasks.map((names) => names.filter((name) => name !== '').join(', ')),
    ...(distance ? ['of the distance'] : []),
  ]),
);
console.log(line(Array.from({ length: 3 + tasks.length + (distance ? 1 : 0) }, () => '---')));
for (const [name, { cells, trainable, share }] of rows) {
  if (trainable === undefined) continue;
  console.log(
    line([
      name,
      trainable.toLocaleString('en'),
      `${Number((share * 100).toPrecision(3))} %`,
      ...tasks.map(([task]) => (cells.has(task) ? cell(cells.get(task)) : '')),
      ...(distance ? [distanceOf(cells)] : []),
    ]),
  );
}

/** Of the distance to full fine-tuning, for each task that has one: `43, 120; mean 82 %`. */
function distanceOf(cells) {
  const parts = [...cells.values()].flatMap(({ closed }) => (closed === undefined ? [] : [100 * closed]));
  if (parts.length === 0) return '';
  const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  return `${parts.map((part) => part.toFixed(0)).join(', ')}; mean ${mean.toFixed(0)} %`;
}

/** Mean ± standard deviation; how many seeds, where some are missing. */
function cell({ score: { n, mean, deviation }, missing }) {
  const spread = deviation === undefined ? '' : ` ± ${deviation.toFixed(4)}`;
  return `${mean.toFixed(4)}${spread}${missing > 0 ? ` (${n})` : ''}`;
}

function line(cells) {
  return `| ${cells.join(' | ')} |`;
}
