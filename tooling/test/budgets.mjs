import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib.mjs';

const PATH = join(root, 'tooling', 'test-budgets.json');

/** A file that takes this many times its budget is too slow. */
const TOLERATED = 1.5;

/** Files within these seconds are never too slow: starting up alone varies by as much. */
const UNNOTICED = 5;

/**
 * Files that take more than 1.5 times their budget: a failure in a quiet run of everything, else a warning. Budgets are
 * multiples of the calibration loop's time, so that a slower machine has more seconds. `npm test` only warns: it shares
 * the processor with other steps.
 */
export function checkBudgets(report, { before, after, all }, budgets = readBudgets()) {
  const column = all ? 'all' : 'test';
  const unit = Math.max(before.seconds, after.seconds);
  const quiet = before.quiet && after.quiet;
  const unknown = report.files.filter(({ file }) => budgets[file]?.[column] === undefined);
  const slow = report.files.flatMap(({ file, seconds }) => {
    const budget = (budgets[file]?.[column] ?? Number.POSITIVE_INFINITY) * unit;
    return seconds > UNNOTICED && seconds > TOLERATED * budget
      ? [`${file}: ${seconds.toFixed(1)} s, its budget is ${budget.toFixed(1)} s`]
      : [];
  });
  const fails = all && quiet && slow.length > 0;
  if (unknown.length > 0)
    console.log(`\n${unknown.length} test files have no budget: node tooling/test.mjs --record writes them`);
  if (slow.length > 0) console.log(`\n${fails ? 'Too slow' : 'Slower than their budget'}:`);
  for (const line of slow) console.log(`   ${line}`);
  if (slow.length > 0 && !quiet) console.log('   (the machine was busy, so that this is only a warning)');
  if (fails) report.failed = true;
}

/** Write what each file of this run took, over the loop's time. Other files keep their budgets. */
export function recordBudgets(report, { before, after, all }) {
  if (!before.quiet || !after.quiet) console.log('\nThe machine was busy: record the budgets again on a quiet one.');
  const unit = (before.seconds + after.seconds) / 2;
  const budgets = readBudgets();
  for (const { file, seconds } of report.files)
    budgets[file] = { ...budgets[file], [all ? 'all' : 'test']: Math.max(1, Math.round(seconds / unit)) };
  const sorted = Object.fromEntries(Object.entries(budgets).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(PATH, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** Budgets by file: `test` in npm test, `all` in test:all, each in times of the calibration loop. */
export function readBudgets() {
  return JSON.parse(readFileSync(PATH, 'utf8'));
}
