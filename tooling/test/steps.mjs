import { join } from 'node:path';
import { ensureChromium } from '../chromium.mjs';
import { install, pnpm, tool } from '../lib.mjs';
import { conformanceSteps } from './conformance.mjs';

const VITEST_REPORTER = join(import.meta.dirname, 'reporter.mjs');

/**
 * What npm test does, in the order in which lanes take it; `all` makes every step complete. The longest come first, so
 * that no lane is left with one at the end.
 */
export function stepsOf({ all, scratch, report }) {
  const tests = testSteps({ all, scratch, report });
  const show = (output) => console.log(output.trim().replaceAll(/^/gm, '   '));
  return [
    { name: 'install', command: install() },
    // Some unit tests open a page of their own.
    { name: 'chromium', work: ensureChromium },
    // Both lanes: every later step may use what is built.
    { name: 'build', lanes: 2, command: tool('turbo', 'run', 'build', '--filter=./packages/*') },
    // Both cores: its tests are shared out to two processes.
    { name: 'unit', lanes: 2, ...tests.vitest('node') },
    // From here on two steps at a time: few need both cores for long. Those that train in Chromium are never side by
    // side, for their threads spin.
    { name: 'browser', apart: 'chromium', ...tests.vitest('browser') },
    // The site is built while types are checked, one after the other beside the other steps.
    { name: 'checks', command: tool('turbo', 'run', 'build', 'typecheck', 'publint', '--concurrency=1') },
    ...conformanceSteps({ all, report }),
    { name: 'packages', command: script('tooling', 'pack.mjs'), count: show },
    { name: 'playground', after: ['checks'], apart: 'chromium', ...tests.playground() },
    { name: 'bundle', apart: 'chromium', command: script('tooling', 'bundle.mjs'), count: show },
    { name: 'sizes', command: script('tooling', 'sizes.mjs', '--check'), count: show },
    { name: 'api', command: script('tooling', 'api.mjs'), count: show },
    { name: 'lint', command: pnpm('run', 'lint') },
  ];
}

/** Steps that are run by vitest: tests with the tag "all" only where everything is run. */
function testSteps({ all, scratch, report }) {
  const filter = all ? [] : ['--tags-filter=!all'];
  const arguments_ = [...filter, '--reporter=default', `--reporter=${VITEST_REPORTER}`];
  const step = (name, command) => {
    const path = join(scratch, `${name}.json`);
    return { command, loud: true, env: () => ({ TEST_REPORT: path }), count: () => report.countTests(path) };
  };
  return {
    vitest: (project) => step(project, tool('vitest', 'run', '--project', project, ...arguments_)),
    playground: () => step('playground', script('apps', 'docs', 'tests', 'run.mjs', ...arguments_)),
  };
}

/** Node on a file of the repository, and its arguments. */
function script(...parts) {
  const end = parts.findIndex((part) => part.endsWith('.mjs')) + 1;
  return [process.execPath, [join(...parts.slice(0, end)), ...parts.slice(end)]];
}
