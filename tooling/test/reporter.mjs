import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from '../lib.mjs';

/**
 * Reporter for vitest: writes what a run found to the file that TEST_REPORT names. `left` counts tests that the filter
 * of tags left to test:all; those that skip themselves say why on their own.
 */
export default class FileReporter {
  onTestRunEnd(modules) {
    const files = modules.map((module) => {
      const tests = [...module.children.allTests()];
      const count = (state) => tests.filter((test) => test.result().state === state).length;
      return {
        file: relative(root, module.moduleId).replaceAll('\\', '/'),
        seconds: Math.round(module.diagnostic().duration) / 1000,
        passed: count('passed'),
        // A file that does not load has no tests, and is one failure.
        failed: module.state() === 'failed' ? Math.max(1, count('failed')) : count('failed'),
        left: tests.filter((test) => test.tags.includes('all') && test.result().state === 'skipped').length,
      };
    });
    const sum = (key) => files.reduce((total, file) => total + file[key], 0);
    writeFileSync(process.env.TEST_REPORT, JSON.stringify({ passed: sum('passed'), failed: sum('failed'), files }));
  }
}
