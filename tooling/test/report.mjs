import { existsSync, readFileSync } from 'node:fs';

/** Steps that prepare: their time is printed apart from that of the tests. */
const PREPARING = new Set(['install', 'build']);

/** What a run has found so far: passed, failed, left to test:all, and how long everything took. */
export class Report {
  failed = false;
  /** Why more than the tests themselves failed, one line each. */
  problems = [];
  /** Test files: path, seconds of its tests, passed, failed, left to test:all. */
  files = [];
  #passed = 0;
  #failed = 0;
  #left = [];
  #steps = [];

  took(step, milliseconds) {
    this.#steps.push({ step, seconds: milliseconds / 1000 });
  }

  /** Count what reporter.mjs wrote; nothing when vitest did not come so far. */
  countTests(path) {
    if (!existsSync(path)) return;
    const { passed, failed, files } = JSON.parse(readFileSync(path, 'utf8'));
    this.#passed += passed;
    this.#failed += failed;
    this.files.push(...files);
  }

  /** Count what `hadamard verify --json` printed last. */
  countCases(output, name) {
    const line = output
      .trim()
      .split('\n')
      .findLast((text) => text.startsWith('{'));
    const { passed = 0, failed = 0, gaps = [], failures = [] } = line === undefined ? {} : JSON.parse(line);
    this.#passed += passed;
    this.#failed += failed;
    console.log(`   ${name}: ${passed} cases passed, ${failed} failed, ${gaps.length} declared gaps`);
    for (const { key, message } of failures) console.error(`   ${key}: ${message}`);
  }

  /** Note that a step does less than it could, and what is left to test:all. */
  leave(step, what) {
    this.#left.push(`${step}: ${what}`);
  }

  /** Everything that only test:all runs. */
  printLeft() {
    const files = this.files.filter(({ left }) => left > 0);
    if (files.length + this.#left.length === 0) return;
    const total = files.reduce((sum, { left }) => sum + left, 0);
    console.log('\nLeft to npm run test:all:');
    for (const line of this.#left) console.log(`   ${line}`);
    if (total > 0) console.log(`   ${total} tests with the tag "all" (more of a kind that was tested, or long runs):`);
    for (const { file, left } of files) console.log(`   ${`${left}`.padStart(6)} in ${file}`);
  }

  printSlowest(count) {
    console.log(`\nThe ${count} slowest test files:`);
    for (const { file, seconds } of this.files.toSorted((a, b) => b.seconds - a.seconds).slice(0, count))
      console.log(`   ${seconds.toFixed(1).padStart(7)} s  ${file}`);
  }

  printTimes(total) {
    const preparing = this.#steps.filter(({ step }) => PREPARING.has(step));
    const parts = preparing.map(({ step, seconds }) => `${step} ${seconds.toFixed(1)} s`);
    console.log(`\n${total}${parts.length === 0 ? '' : `, of which ${parts.join(' and ')}`}`);
  }

  closingLine() {
    // A step that fails outside of any counted test is a failure all the same.
    return `${this.#passed} passed, ${this.failed ? Math.max(1, this.#failed) : this.#failed} failed`;
  }
}
