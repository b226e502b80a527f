#!/usr/bin/env node
// npm test: everything that must hold before a change lands, complete in kind. `--all` (npm run test:all) runs the full
// matrix; `--only build,unit` some of the steps; `--timing` lists the ten slowest test files; `--record` writes what
// each test file took into test-budgets.json.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requireNode, seconds } from './lib.mjs';
import { checkBudgets, recordBudgets } from './test/budgets.mjs';
import { calibrate } from './test/calibrate.mjs';
import { runInLanes } from './test/lanes.mjs';
import { Report } from './test/report.mjs';
import { stepsOf } from './test/steps.mjs';

requireNode();

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    timing: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const only = options.only?.split(',');
const started = performance.now();
const scratch = mkdtempSync(join(tmpdir(), 'hadamard-test-'));
const report = new Report();
const steps = stepsOf({ all: options.all, scratch, report });

const unknown = only?.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  console.error(`There is no step ${unknown}; there are ${steps.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const before = calibrate();
const wanted = steps.filter(({ name }) => only === undefined || only.includes(name));
await runInLanes(wanted, 2, report);
const after = calibrate();
rmSync(scratch, { recursive: true, force: true });

report.printLeft();
if (options.timing) report.printSlowest(10);
if (options.record && !report.failed) recordBudgets(report, { before, after, all: options.all });
else checkBudgets(report, { before, after, all: options.all });
report.printTimes(seconds(started));
// The last line is what continuous integration reads.
if (only === undefined || report.failed) console.log(`\n${report.closingLine()}`);
process.exit(report.failed ? 1 : 0);
